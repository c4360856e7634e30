/**
 * This engine beside onnxruntime-web in Chromium, in one page and run:
 *   npm ci --prefix bench/peers --ignore-scripts                       once
 *   npm run bench:browser -- --weights yolov5n.pt --threads 1 2 [--backend wasm gpujs webgpu] [--own] [--json run]
 * Bundles bench/browser/ (the page and what drives it), then runs it.
 */

import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const from = (path) => fileURLToPath(new URL(path, import.meta.url));
/** Two folders below the repository's root, which the code that is bundled counts on. */
const OUT = from("../.cache/benchBrowser");

const common = { bundle: true, format: "esm", target: "es2022", outdir: OUT, loader: { ".wgsl": "text" } };
await build({
  ...common,
  entryPoints: [from("browser/main.ts")],
  platform: "node",
  packages: "external",
  outExtension: { ".js": ".mjs" },
});
await build({ ...common, entryPoints: [from("browser/page.ts")], platform: "browser" });
await import(pathToFileURL(`${OUT}/main.mjs`).href);
