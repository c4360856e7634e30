/** Builds `dist/`: the Node entry, the browser entry and the command line (esbuild), and the types (tsc). */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { bundledCommonJs } from "./bundledCommonJs.mjs";
import { decoderGlue } from "./decoderGlue.mjs";
import { gpuJsForPages, withoutGpuJs } from "./gpuJsForPages.mjs";
import { groupChunks } from "./groupChunks.mjs";
import { writeLicenceTexts } from "./licenceTexts.mjs";

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
  metafile: true,
};

/** Changes with any source: what one build keeps between runs is of no use to another. */
async function digestOfSources() {
  const hash = createHash("sha256");
  const names = await readdir("src", { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(`${file}\n`).update(await readFile(file));
  return hash.digest("hex").slice(0, 16);
}

// Node: dependencies stay packages, all else that the sources import is bundled (scripts/bundledCommonJs.mjs says why);
// shared code goes into chunks, so that the command starts fast, and these into a few groups.
const nodeEntries = {
  node: "src/node.ts",
  cli: "src/cli/start.ts",
  pictureWorker: "src/node/pictures/pictureWorker.ts",
  modelWorker: "src/node/workers/modelWorker.ts",
  detectWorker: "src/cli/detect/work/detectWorker.ts",
  valWorker: "src/cli/val/valWorker.ts",
  serveWorker: "src/node/serve/work/serveWorker.ts",
};
const forNode = await build({
  ...common,
  entryPoints: nodeEntries,
  platform: "node",
  define: { ...common.define, __BUILD__: JSON.stringify(await digestOfSources()) },
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  plugins: [decoderGlue, bundledCommonJs],
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).flatMap((name) => [
    name,
    `${name}/*`,
  ]),
});

/** The file that esbuild made of a source that is imported when it is needed. */
function chunkOf(source) {
  const [file] = Object.entries(forNode.metafile.outputs).find(([, { entryPoint }]) => entryPoint === source) ?? [];
  if (file === undefined) throw new Error(`${source} is no chunk of its own; adapt scripts/build.mjs`);
  return file;
}

const MAIN = chunkOf("src/cli/main.ts");
const DETECT = chunkOf("src/cli/detect/run.ts");
await groupChunks("dist", Object.keys(nodeEntries), (loadedWith) => {
  /** Without the file that asks for them. */
  const groupOf = (file, options) => {
    const files = loadedWith(file, options);
    files.delete(resolve(file));
    return files;
  };
  const both = (some, others) => new Set([...some].filter((file) => others.has(file)));
  const command = groupOf(MAIN);
  const library = groupOf("dist/node.js", { ever: true });
  const engine = groupOf("dist/modelWorker.js");
  const detect = groupOf(DETECT);
  return {
    // What is loaded before the command line may take compiled code from Node's cache.
    start: groupOf("dist/cli.js"),
    // Bundles of the library take nothing of the command line with them.
    base: new Set([...groupOf("dist/pictureWorker.js"), ...both(command, library), ...both(command, engine)]),
    command,
    engine,
    library: both(detect, library),
    detect,
  };
});

/** Shaders without comments and indentation, which are a tenth of what pages load. */
const compactShaders = {
  name: "compact-shaders",
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.wgsl$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8"))
        .replace(/\/\/.*$/gm, "")
        .replace(/^[ \t]+|[ \t]+$/gm, "")
        .replace(/\n{2,}/g, "\n"),
      loader: "text",
    })),
};

/** The light worker is for pages without WebGPU. */
const withoutWebGpu = {
  name: "without-webgpu",
  setup: ({ onResolve }) =>
    onResolve({ filter: /runtime\/webgpu\/index\.js$/ }, ({ importer }) =>
      importer.endsWith("noWebGpu.ts") ? undefined : { path: join(process.cwd(), "src/browser/worker/noWebGpu.ts") },
    ),
};

const browser = {
  ...common,
  platform: "browser",
  minify: true,
  // Fields that only a constructor assigns are not declared a second time: a kilobyte less.
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  plugins: [decoderGlue, gpuJsForPages, compactShaders],
};

/** A worker's program as one text: what it would import later comes with it, since blobs can import nothing. */
async function programOf(entryPoint, ...plugins) {
  const { outputFiles } = await build({
    ...browser,
    plugins: [decoderGlue, withoutGpuJs, ...plugins, compactShaders],
    entryPoints: [entryPoint],
    sourcemap: false,
    write: false,
  });
  return outputFiles[0].text;
}

// The worker of `loadInWorker`: one file, for pages that host it. It and all else that runs in workers also as texts, in
// chunks of the browser entry that are imported when they are needed.
const workers = "src/browser/worker";
const modelProgram = await programOf(`${workers}/entry.ts`);
await writeFile("dist/worker.js", modelProgram);
const programs = {
  __MODEL_PROGRAM__: modelProgram,
  __LIGHT_PROGRAM__: await programOf(`${workers}/entry.ts`, withoutWebGpu),
  __JPEG_PROGRAM__: await programOf(`${workers}/decoders/jpeg.ts`),
  __WEBP_PROGRAM__: await programOf(`${workers}/decoders/webp.ts`),
  __AVIF_PROGRAM__: await programOf(`${workers}/decoders/avif.ts`),
  __RARE_PROGRAM__: await programOf(`${workers}/decoders/rare.ts`),
  __ONNX_PROGRAM__: await programOf(`${workers}/decoders/onnx.ts`),
};

// Browsers: the entries, and chunks that are imported when they are needed: the engine, WebGPU, the worker, gpu.js, each
// WebAssembly decoder and its glue (relative to the entry, so bundlers and `<script type=module>` find them; JPEGs decode without them, only slower).
const forPages = await build({
  ...browser,
  entryPoints: {
    page: "src/index.ts",
    browser: "src/browser.ts",
    index: "src/complete.ts",
    "service-worker": "src/serviceWorker.ts",
    // Small and without Node's modules: the same file for Node.
    solutions: "src/solutions/index.ts",
  },
  splitting: true,
  chunkNames: "browser/[name]-[hash]",
  // Notices in files beside the chunks, which name them.
  legalComments: "linked",
  define: {
    ...common.define,
    ...Object.fromEntries(Object.entries(programs).map(([name, text]) => [name, JSON.stringify(text)])),
  },
});
// The comments that keep bundlers from following an import of an address are lost with all others when code is minified.
const LEFT_ALONE = "/*webpackIgnore:true*//*turbopackIgnore:true*//*@vite-ignore*/";
for (const file of Object.keys(forPages.metafile.outputs).filter((name) => name.endsWith(".js"))) {
  const text = await readFile(file, "utf8");
  const kept = text.replace(/\bimport\((?=[\w$.]+\))/g, `import(${LEFT_ALONE}`);
  if (kept !== text) await writeFile(file, kept);
}
await writeLicenceTexts([forNode.metafile, forPages.metafile], "dist/LICENSES.txt");
await chmod("dist/cli.js", 0o755);
if (!process.argv.includes("--no-types"))
  execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });
