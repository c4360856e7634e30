/** Applications built with Vite, webpack and esbuild against the package as npm would install it, run in Chromium. */

import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import type { Browser } from "playwright-core";
import { build as vite } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runWebpack } from "../consumers/support/nodeBundlers.js";
import { REPOSITORY } from "../support/reference.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { serveSite } from "./support/server.js";

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
};

describe.skipIf(chromiumMissing())("applications of users", () => {
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
    "built with %s: detects on the page and in a worker, no file beside the build",
    async (name) => {
      const app = join(workspace.folder, name);
      const out = join(app, "dist");
      cpSync(join(REPOSITORY, "test/browser/consumers"), app, { recursive: true });
      mkdirSync(out, { recursive: true });
      await BUNDLERS[name](app, out);
      if (!existsSync(join(out, "index.html"))) cpSync(join(app, "index.html"), join(out, "index.html"));
      expect(readdirSync(out, { recursive: true }).filter((file) => /\.wasm$|worker\.js$/.test(String(file)))).toEqual(
        [],
      );
      cpSync(join(workspace.packageFolder, "models/codes.safetensors"), join(out, "codes.safetensors"));
      cpSync(join(REPOSITORY, "examples/codes.png"), join(out, "codes.png"));
      const site = await serveSite([{ at: "/", from: out }]);
      const page = await browser.newPage();
      const errors = watchErrors(page);
      try {
        await page.goto(site.origin);
        const answer = await page.textContent("#answer", { timeout: 20_000 });
        const [local, worker] = (answer ?? "").split("\n");
        expect(local).toMatch(/^wasm: 2 qr_codes, .* \/ \d+$/);
        expect(worker).toBe(local);
        expect(errors).toEqual([]);
        expect(site.missing).toEqual([]);
      } finally {
        await page.close();
        await site.close();
      }
    },
    // Minifying alone takes half a minute on a slow machine.
    300_000,
  );
});
