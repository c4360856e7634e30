/** Bundlers for Node as their users call them: defaults, production, and nothing but what the target needs. */

import { basename, dirname } from "node:path";
import { build as esbuild } from "esbuild";
import webpack from "webpack";

/** What a bundle is written as. */
export type Format = "esm" | "cjs";

export const EXTENSION = { esm: "mjs", cjs: "cjs" } as const satisfies Record<Format, string>;

/** Bundles the program `main` into `outfile` and what belongs beside it. @throws Error with every complaint. */
export type BundleForNode = (main: string, outfile: string, format: Format) => Promise<void>;

const esbuildFor =
  (minify: boolean): BundleForNode =>
  async (main, outfile, format) => {
    const { warnings } = await esbuild({
      entryPoints: [main],
      bundle: true,
      platform: "node",
      logLevel: "silent",
      outfile,
      format,
      minify,
    });
    if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join("\n"));
  };

export const bundleWithEsbuild = esbuildFor(false);
export const bundleWithEsbuildMinified = esbuildFor(true);

/** Runs webpack. @throws Error with its errors and warnings. */
export function runWebpack(configuration: webpack.Configuration): Promise<void> {
  const compiler = webpack({ mode: "production", ...configuration });
  return new Promise((resolve, reject) =>
    compiler.run((error, stats) => {
      compiler.close(() => undefined);
      if (error) reject(error);
      else if (stats?.hasErrors() || stats?.hasWarnings()) reject(new Error(stats.toString("errors-warnings")));
      else resolve();
    }),
  );
}

export const bundleWithWebpack: BundleForNode = (main, outfile, format) => {
  const place = { path: dirname(outfile), filename: basename(outfile) };
  const esm = { module: true, chunkFormat: "module", library: { type: "module" } } as const;
  return runWebpack({
    target: "node",
    entry: main,
    output: format === "esm" ? { ...place, ...esm } : place,
    experiments: { outputModule: format === "esm" },
  });
};
