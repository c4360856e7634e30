/** Imports point downwards (CONTRIBUTING.md): each folder may use those below it, nothing else, and never in a cycle. */

const folders = (...names) => `^src/(${names.join("|")})`;
/** @type {(name: string, from: string, allowed: string[]) => object} */
const only = (name, from, allowed) => ({
  name: `${name}-imports-down`,
  severity: "error",
  from: { path: `^src/${from}/` },
  to: {
    path: "^src/",
    pathNot: [
      `^src/${from}/`,
      "^src/errors\\.ts$",
      "^src/boxes\\.ts$",
      "^src/breathe\\.ts$",
      "^src/inflate\\.ts$",
      "^src/printable\\.ts$",
      "^src/optionalPackage\\.ts$",
      "^src/imported\\.ts$",
      "^src/wgsl\\.d\\.ts$",
      ...allowed,
    ],
  },
});

/** The rooms of a folder, each of which may use those before it. @type {(folder: string, rooms: string[]) => object[]} */
const rooms = (folder, names) =>
  names.map((name, i) => ({
    name: `${folder.replace(/\//g, "-")}-${name}-imports-down`,
    severity: "error",
    from: { path: `^src/${folder}/${name}/` },
    to: { path: `^src/${folder}/`, pathNot: `^src/${folder}/(${names.slice(0, i + 1).join("|")})/` },
  }));
const BACKENDS = ["cpu", "wasm", "webgpu", "gpujs"];

module.exports = {
  forbidden: [
    ...rooms("runtime/webgpu", ["lower", "device", "choose", "run", "tune", "train"]),
    ...rooms("runtime/wasm", ["lower", "device", "run"]),
    ...rooms("yolov5/onnx", ["graph", "layers", "head", "tree"]),
    ...rooms("runtime/gpujs", ["kernels", "device", "lower", "run"]),
    ...BACKENDS.map((name) => ({
      name: `${name}-knows-no-other-backend`,
      severity: "error",
      from: { path: `^src/runtime/${name}/` },
      to: { path: `^src/runtime/(${BACKENDS.filter((other) => other !== name).join("|")})/` },
    })),
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "sources-never-import-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|scripts)/" },
    },
    only("tensor", "tensor", []),
    only("weights", "weights", [folders("tensor/")]),
    only("ops", "ops", [folders("tensor/")]),
    only("onnx", "onnx", [folders("ops/", "weights/", "tensor/")]),
    only("image", "image", [folders("tensor/")]),
    only("tracking", "tracking", [folders("tensor/")]),
    only("solutions", "solutions", [folders("image/", "tracking/", "tensor/")]),
    only("kernels", "kernels", [folders("ops/", "tensor/")]),
    only("runtime", "runtime", [folders("kernels/", "ops/", "tensor/")]),
    only("yolov5", "yolov5", [
      folders(
        "runtime/(backend|backendNames)\\.ts$",
        "onnx/",
        "ops/",
        "weights/",
        "image/",
        "tracking/",
        "solutions/",
        "tensor/",
      ),
    ]),
    only("eval", "eval", [
      folders("yolov5/", "image/", "solutions/", "weights/", "tensor/", "runtime/backend\\.ts$", "ops/"),
    ]),
    only("compress", "compress", [
      folders("yolov5/", "eval/", "image/", "weights/", "ops/", "tensor/", "runtime/(backend|trainer)\\.ts$"),
    ]),
    {
      name: "browser-safe",
      comment: "Node's own modules belong in src/cli, src/node.ts and src/node/",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(cli/|node/|node\\.ts$)" },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "node_modules" },
    tsPreCompilationDeps: true,
    parser: "swc",
  },
};
