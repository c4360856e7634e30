/** Rollup, Vite and Bun, which are installed for these tests: for Node and for pages, as their users call them. */

import { spawnSync } from "node:child_process";
import { basename, dirname, join } from "node:path";
import type { OutputOptions, Plugin, RollupLog, RollupOptions } from "rollup";
import type { InlineConfig } from "vite";
import { type BundleForNode, EXTENSION } from "./nodeBundlers.js";
import { importTool } from "./tools.js";

type PluginModule = { readonly default: (options?: object) => Plugin };

async function runRollup(
  tools: string,
  { input, exportConditions }: { readonly input: string; readonly exportConditions?: readonly string[] },
  output: OutputOptions,
): Promise<void> {
  const rollup = await importTool<{
    rollup: (options: RollupOptions) => Promise<{ write(output: OutputOptions): Promise<unknown> }>;
  }>(tools, "rollup");
  const load = (name: string): Promise<PluginModule> => importTool(tools, `@rollup/plugin-${name}`);
  const [resolve, commonjs, json] = await Promise.all(["node-resolve", "commonjs", "json"].map(load));
  const onLog = (_: string, { message }: RollupLog): never => {
    throw new Error(message);
  };
  const forPages = exportConditions === undefined;
  const conditions = forPages ? { browser: true } : { preferBuiltins: true, exportConditions };
  const plugins = [resolve.default(conditions), commonjs.default(), json.default()];
  await (await rollup.rollup({ input, plugins, onLog })).write(output);
}

export const rollupForNode =
  (tools: string): BundleForNode =>
  (main, outfile, format) =>
    runRollup(
      tools,
      { input: main, exportConditions: ["node"] },
      {
        dir: dirname(outfile),
        format: format === "esm" ? "es" : "cjs",
        entryFileNames: basename(outfile),
        chunkFileNames: `[name]-[hash].${EXTENSION[format]}`,
      },
    );

/** Builds `main` as one entry of a page, into `out/main.js` and its chunks. */
export const rollupForPages = (tools: string, main: string, out: string): Promise<void> =>
  runRollup(tools, { input: main }, { dir: out, format: "es", entryFileNames: "main.js" });

type Build = (config: InlineConfig) => Promise<unknown>;

/** Its warnings are written to the console, none of which may come from this package. */
async function runVite(tools: string, config: InlineConfig): Promise<void> {
  const { build } = await importTool<{ readonly build: Build }>(tools, "vite");
  await build({ configFile: false, logLevel: "error", ...config });
}

/** `noExternal`: everything into the bundle, as for a server that is shipped without node_modules. */
export const viteForNode =
  (tools: string): BundleForNode =>
  async (main, outfile, format) => {
    const extension = EXTENSION[format];
    const output = {
      format: format === "esm" ? "es" : "cjs",
      entryFileNames: basename(outfile),
      chunkFileNames: `[name]-[hash].${extension}`,
    } as const;
    await runVite(tools, {
      root: dirname(main),
      ssr: { noExternal: true },
      build: { ssr: main, outDir: dirname(outfile), emptyOutDir: true, rollupOptions: { output } },
    });
  };

export const viteForPages = (tools: string, app: string, out: string): Promise<void> =>
  runVite(tools, { root: app, base: "./", build: { outDir: out, chunkSizeWarningLimit: 1500 } });

/** @throws Error with what Bun printed. */
export function runBun(program: string, words: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd, encoding: "utf8", timeout: 120_000 });
  if (status !== 0) throw new Error(`bun ${words.join(" ")}: ${stdout}${stderr}`);
}

export const bunForNode =
  (program: string): BundleForNode =>
  async (main, outfile, format) => {
    const place = ["--outdir", dirname(outfile), "--entry-naming", basename(outfile)];
    runBun(program, ["build", main, "--target=node", `--format=${format}`, "--minify", ...place], dirname(main));
  };

export const bunForPages = (program: string, app: string, out: string): void =>
  runBun(program, ["build", join(app, "main.js"), "--target=browser", "--splitting", "--minify", "--outdir", out], app);
