/**
 * esbuild plugin: gpu.js as the browser entry carries it, in a chunk of its own that only `backend: "gpujs"` loads.
 *
 * - Its sources instead of its browser build, which replaces the page's global `GPU` (WebGPU's) by its own class.
 * - Only its WebGL modes: pages have better than its CPU modes (WASM), and those compile with `new Function`, whose
 *   very text content policies and their checkers refuse.
 */
import { createRequire } from "node:module";
import { join } from "node:path";

/** Modules that pages never use: the classes they export say that they are not supported. */
const LEFT_OUT = /gpu\.js[\\/]src[\\/](alias\.js|backend[\\/](cpu|headless-gl|web-assembly|web-gpu)[\\/])|gpu-mock\.js/;

const ABSENT = `
class Absent {
  static get isSupported() { return false; }
  static get mode() { return "absent"; }
  static isContextMatch() { return false; }
}
module.exports = {
  CPUKernel: Absent, HeadlessGLKernel: Absent, WebAssemblyKernel: Absent, WebGPUKernel: Absent,
  CPUFunctionNode: Absent, WebAssemblyFunctionNode: Absent, WGSLFunctionNode: Absent,
  WebGPUContext: Absent, WebGPUBufferResult: Absent,
};`;

export const gpuJsForPages = {
  name: "gpu-js-for-pages",
  setup(build) {
    const require = createRequire(join(process.cwd(), "package.json"));
    build.onResolve({ filter: /^gpu\.js$/ }, () => ({
      path: join(require.resolve("gpu.js/package.json"), "..", "src", "index.js"),
    }));
    build.onLoad({ filter: LEFT_OUT }, () => ({ contents: ABSENT, loader: "js" }));
  },
};

/** esbuild plugin: workers have no WebGL2 backend, and are one file, with which it would come; it is left out. */
export const withoutGpuJs = {
  name: "without-gpu-js",
  setup(build) {
    build.onResolve({ filter: /^gpu\.js$|runtime\/gpujs\/index\.js$/ }, ({ path }) => ({ path, namespace: "absent" }));
    build.onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "export {};", loader: "js" }));
  },
};
