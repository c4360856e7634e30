/** Builds `dist/`: the Node entry, the browser entry and the command line (esbuild), and the types (tsc). */

import { execFileSync } from "node:child_process";
import { chmod, readFile, rm } from "node:fs/promises";
import { build } from "esbuild";
import { gpuJsForPages, withoutGpuJs } from "./gpuJsForPages.mjs";

const {
  version,
  dependencies = {},
  optionalDependencies = {},
  peerDependencies = {},
} = JSON.parse(await readFile("package.json", "utf8"));
await rm("dist", { recursive: true, force: true });

const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  outdir: "dist",
  sourcemap: true,
  loader: { ".wgsl": "text" },
  define: { __VERSION__: JSON.stringify(version) },
  logLevel: "warning",
};

// Node: dependencies stay packages; shared code goes into chunks, so that the command starts fast.
await build({
  ...common,
  entryPoints: { node: "src/node.ts", cli: "src/cli/main.ts", pictureWorker: "src/node/pictureWorker.ts" },
  platform: "node",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).flatMap((name) => [
    name,
    `${name}/*`,
  ]),
});
/**
 * The decoders of @jsquash name a .wasm file beside themselves, which is embedded and never asked for. Bundlers of our
 * users would look for it all the same and, as webpack does, give up.
 */
const withoutWasmFiles = {
  name: "without-wasm-files",
  setup: ({ onLoad }) =>
    onLoad({ filter: /@jsquash[\\/].*_dec\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(/new URL\("\w+\.wasm",\s*import\.meta\.url\)\.href/, '""');
      if (contents === source) throw new Error(`${path} no longer names its .wasm file; drop this plugin`);
      return { contents, loader: "js" };
    }),
};

// The worker of `loadInWorker`: one file, for pages that host it, and as text in a chunk of the browser entry.
const browser = { ...common, platform: "browser", minify: true, plugins: [withoutWasmFiles, gpuJsForPages] };
await build({
  ...browser,
  plugins: [withoutWasmFiles, withoutGpuJs],
  entryPoints: { worker: "src/browser/worker/entry.ts" },
  sourcemap: false,
});
const workerSource = await readFile("dist/worker.js", "utf8");

// Browsers: the entry, and chunks that are imported when they are needed: the worker, gpu.js, each WebAssembly decoder and
// its glue (relative to the entry, so bundlers and `<script type=module>` find them; JPEGs decode without them, only slower).
await build({
  ...browser,
  entryPoints: { index: "src/index.ts", browser: "src/browser.ts" },
  splitting: true,
  chunkNames: "browser/[name]-[hash]",
  define: { ...common.define, __WORKER_SOURCE__: JSON.stringify(workerSource) },
});
await chmod("dist/cli.js", 0o755);
if (!process.argv.includes("--no-types"))
  execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });
