/** Applications built with Vite, webpack and esbuild against the package as npm would install it, run in Chromium. */

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import type { Browser } from "playwright-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runWebpack } from "../consumers/support/nodeBundlers.js";
import { majorVersion } from "../consumers/support/tools.js";
import { Matrix } from "../support/matrix.js";
import { REPOSITORY } from "../support/reference.js";
import { expectApplication, layApplication } from "./support/application.js";
import { chromiumMissing, launchChromium } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";

/** Builds `app` (index.html, main.js) into `out`, as users of the bundler do, with its defaults. */
type Bundle = (app: string, out: string) => Promise<void>;

const BUNDLERS: Readonly<Record<string, Bundle>> = {
  async vite(app, out) {
    await vite({
      configFile: false,
      root: app,
      base: "./",
      logLevel: "error",
      build: { outDir: out, chunkSizeWarningLimit: 1500 },
    });
  },
  webpack: (app, out) =>
    runWebpack({
      context: app,
      entry: "./main.js",
      // The build warns of entries beyond 244 kB; this one has a detector in it.
      performance: false,
      output: { path: out, filename: "main.js" },
    }),
  async esbuild(app, out) {
    const result = await esbuild({
      entryPoints: [join(app, "main.js")],
      bundle: true,
      format: "esm",
      splitting: true,
      outdir: out,
      logLevel: "silent",
    });
    expect(result.warnings).toEqual([]);
  },
  /** A classic script, which can import nothing: all that other builds have in chunks is inside. */
  async "esbuild, one file"(app, out) {
    await esbuild({
      entryPoints: [join(app, "main.js")],
      bundle: true,
      minify: true,
      format: "iife",
      outdir: out,
      // import.meta is empty in a classic script.
      logOverride: { "empty-import-meta": "silent" },
      logLevel: "warning",
    });
    expect(readdirSync(out)).toEqual(["main.js"]);
    writeFileSync(join(out, "index.html"), '<!doctype html><body><script src="main.js"></script></body>');
  },
};

describe.skipIf(chromiumMissing())("applications", () => {
  const matrix = new Matrix("pages in every test run", ["bundler", "page", "worker"]);
  let workspace: Workspace;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    workspace?.dispose();
  });

  test.each(Object.keys(BUNDLERS))(
    "built with %s, detect on the page and in a worker, without files besides the build",
    async (name) => {
      const app = join(workspace.folder, name);
      await BUNDLERS[name](app, layApplication(app));
      await expectApplication(browser, app, workspace.packageFolder);
      matrix.add(name.startsWith("esbuild") ? name : `${name} ${majorVersion(REPOSITORY, name)}`, "runs", "runs");
    },
  );

  test("docs/consumers.md has the table of these results", () => matrix.check());
});
