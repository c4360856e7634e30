/**
 * One convolution layer of yolov5n (3×3, 64 → 64 channels at 80×80, bias and SiLU) on every backend, gpu.js among them:
 * host memory to host memory, and the layer alone as the backend's profile has it. Outputs are compared with the
 * reference before anything is timed; then the backends take turns.
 *
 *   npx esbuild bench/convLayer.ts --bundle --platform=node --format=esm --loader:.wgsl=text --external:webgpu \
 *     --external:gpu.js --outfile=.cache/convLayer.mjs
 *   node .cache/convLayer.mjs [threads] [rounds]
 */

import { quantile } from "../src/cli/bench/measure.js";
import { openBackend } from "../src/node/backends.js";
import { GraphBuilder, OPS, type OpAttributes } from "../src/ops/index.js";
import type { BackendName, Executable } from "../src/runtime/backend.js";
import { compare, elementCount, type HostTensor, seededRandom, tensor } from "../src/tensor/index.js";

const CHANNELS = 64;
const SIDE = 80;
const WARMUP = 2;
/** Normalised mean squared error that float32 explains. */
const TOLERANCE = 1e-9;

const ATTRIBUTES: OpAttributes["conv2d"] = {
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
  activation: { kind: "silu" },
  hasBias: true,
  hasResidual: false,
};

function noise(shape: readonly number[], scale: number): HostTensor<"float32"> {
  const random = seededRandom(1);
  return tensor(
    "float32",
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => scale * (2 * random() - 1)),
  );
}

interface Contender {
  readonly name: string;
  readonly nmse: number;
  readonly executable: Executable;
  /** Of whole runs. */
  readonly runs: number[];
  /** The layer alone. */
  readonly layer: number[];
  kernel: string;
}

const threads = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 15);
const b = new GraphBuilder();
const x = b.input("x", { shape: [1, CHANNELS, SIDE, SIDE], dtype: "float32" });
const weight = noise([CHANNELS, CHANNELS, 3, 3], Math.sqrt(3 / (CHANNELS * 9)));
const bias = noise([CHANNELS], 0.1);
const graph = b.finish([b.add("conv2d", "layer", [x, b.constant("w", weight), b.constant("b", bias)], ATTRIBUTES)]);
const input = noise([1, CHANNELS, SIDE, SIDE], 1);
const [wanted] = OPS.conv2d.reference([input, weight, bias], ATTRIBUTES);

const contenders: Contender[] = [];
const dispose: (() => void)[] = [];
const names: readonly BackendName[] = ["webgpu", "wasm", "gpujs", "cpu"];
for (const choice of names) {
  const backend = await openBackend(choice, { threads });
  const executable = await backend.compile(graph);
  dispose.push(() => {
    executable.dispose();
    backend.dispose();
  });
  const [actual] = await executable.run([input]);
  const { nmse } = compare(actual, wanted);
  if (!(nmse < TOLERANCE)) throw new Error(`${choice} computes something else: NMSE ${nmse}`);
  contenders.push({ name: `${choice} (${backend.adapter})`, nmse, executable, runs: [], layer: [], kernel: "" });
}
for (let round = 0; round < WARMUP + rounds; round++) {
  for (const contender of contenders) {
    const started = performance.now();
    await contender.executable.run([input]);
    const ms = performance.now() - started;
    const timings = (await contender.executable.profile([input])).filter(({ name }) => name === "layer");
    contender.kernel = timings.map(({ kernel }) => kernel).join(" + ");
    if (round < WARMUP) continue;
    contender.runs.push(ms);
    contender.layer.push(timings.reduce((sum, timing) => sum + timing.ms, 0));
  }
}
const gflop = (2 * CHANNELS * CHANNELS * 9 * SIDE * SIDE) / 1e9;
console.log("run ms median (best)  layer ms median (best)  GFLOP/s at best  NMSE     backend: kernel");
for (const { name, nmse, runs, layer, kernel } of contenders) {
  const pair = (list: readonly number[]): string =>
    `${quantile(list, 0.5).toFixed(2)} (${Math.min(...list).toFixed(2)})`;
  const rate = (gflop / Math.min(...layer)) * 1000;
  const cells = [pair(runs).padStart(20), pair(layer).padStart(23), rate.toFixed(1).padStart(16)];
  console.log(`${cells.join("")}  ${nmse.toExponential(1).padEnd(9)}${name}: ${kernel}`);
}
for (const each of dispose) each();
