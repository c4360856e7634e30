/**
 * GOP/s of the int8 convolutions on the layers of yolov5n, beside the ceiling of the instruction that this host uses for
 * them: dot products in registers, no memory. Layers include SiLU and the pass that quantizes. Times are the least of
 * several runs; bytes are checked against int16 first.
 *
 *   npx esbuild bench/int8Layers.ts --bundle --platform=node --format=esm --outfile=.cache/int8Layers.mjs
 *   node .cache/int8Layers.mjs [threads]
 */

import { setTimeout } from "node:timers/promises";
import { quantizeWeight } from "../src/compress/quantize/weights.js";
import { i32, ModuleBuilder, vec } from "../src/kernels/wasm/emit/index.js";
import { exactDot } from "../src/kernels/wasm/index.js";
import { openWasm } from "../src/node/wasm.js";
import { type Graph, GraphBuilder } from "../src/ops/index.js";
import { elementCount, type HostTensor, seededRandom, tensor } from "../src/tensor/index.js";
import { dequantizeWeight } from "../src/yolov5/checkpoint/quantized.js";

const RUNS = 12;
const TURNS = 100_000;
const UNROLL = 4;
/** Independent sums, so that latency does not count; two operands more fit into sixteen registers. */
const CHAINS = 12;

interface Layer {
  readonly name: string;
  readonly size: number;
  readonly c: number;
  readonly o: number;
  readonly k: number;
  readonly s: number;
}

const LAYERS: readonly Layer[] = [
  { name: "stem 6×6 s2", size: 640, c: 3, o: 16, k: 6, s: 2 },
  { name: "3×3 s2", size: 320, c: 16, o: 32, k: 3, s: 2 },
  { name: "1×1", size: 160, c: 32, o: 32, k: 1, s: 1 },
  { name: "3×3", size: 160, c: 16, o: 16, k: 3, s: 1 },
  { name: "3×3 s2", size: 80, c: 64, o: 128, k: 3, s: 2 },
  { name: "3×3", size: 80, c: 32, o: 32, k: 3, s: 1 },
  { name: "1×1", size: 80, c: 64, o: 64, k: 1, s: 1 },
  { name: "1×1", size: 40, c: 128, o: 128, k: 1, s: 1 },
  { name: "3×3", size: 20, c: 128, o: 128, k: 3, s: 1 },
  { name: "1×1", size: 20, c: 512, o: 256, k: 1, s: 1 },
];

function noise(shape: readonly number[], scale: number): HostTensor<"float32"> {
  const random = seededRandom(1);
  return tensor(
    "float32",
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => scale * (2 * random() - 1)),
  );
}

/** A 1×1 pass before the layer, so that it is measured inside a network, where only a stem reads the input itself. */
function layerGraph({ size, c, o, k, s }: Layer): Graph {
  const b = new GraphBuilder();
  let x = b.input("x", { shape: [1, c, size, size], dtype: "float32" });
  if (c > 4) x = b.add("scale", "before", [x], { factor: 1 });
  const { weight, scales } = quantizeWeight(noise([o, c, k, k], Math.sqrt(3 / (c * k * k))));
  const operands = [x, b.constant("w", dequantizeWeight(weight, scales.data)), b.constant("b", noise([o], 0.1))];
  const y = b.add("conv2d", "layer", operands, {
    stride: [s, s],
    padding: k === 6 ? [2, 2] : [k >> 1, k >> 1],
    dilation: [1, 1],
    groups: 1,
    activation: { kind: "silu" },
    hasBias: true,
    hasResidual: false,
    quantization: { inputScale: 2 / 255, inputZeroPoint: 128, weightScales: scales.data },
  });
  return b.finish([y]);
}

/** GOP/s of one thread: dot products of bytes or of int16. */
async function ceiling(bytes: boolean): Promise<number> {
  const module = new ModuleBuilder({ simd: true, relaxed: true, shared: false });
  module.define("spin", 1, { exported: true }, (f) => {
    const left = f.parameter(0);
    const sums = f.vecs(CHAINS);
    const [a, b] = [f.vec(vec.load(64)), f.vec(vec.load(128))];
    f.doWhile(() => {
      for (let step = 0; step < UNROLL; step++) {
        // Each product needs the sum before, or it would be computed once for all.
        for (const sum of sums) f.setVec(sum, bytes ? vec.dotI8(a, b, sum) : vec.addBits(vec.dotI16(sum, b), a));
      }
      f.set(left, i32.sub(left, 1));
    }, left);
    for (const sum of sums) f.storeVec(192, sum);
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { instance } = await WebAssembly.instantiate(module.finish(1, 1), { env: { memory } });
  const spin = instance.exports.spin as (turns: number) => void;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now();
    spin(TURNS);
    best = Math.min(best, performance.now() - started);
    // Lets the optimising compiler take over.
    await setTimeout(5);
  }
  return (TURNS * UNROLL * CHAINS * (bytes ? 32 : 16)) / best / 1e6;
}

const threads = Number(process.argv[2] ?? 1);
const [auto, int16] = await Promise.all([openWasm({ threads }), openWasm({ threads, integers: "int16" })]);
const exact = exactDot();
const most = await ceiling(exact !== undefined);
console.log(`${process.version}, ${auto.adapter}; dot product exact for ${exact ?? "neither: int16 is used"}`);
console.log(`ceiling of one thread in registers ${most.toFixed(1)} GOP/s`);
console.log("layer            map  in → out   kernel                     ms   GOP/s  of ceiling");
for (const layer of LAYERS) {
  const graph = layerGraph(layer);
  const input = noise([1, layer.c, layer.size, layer.size], 1);
  const [ours, theirs] = await Promise.all([auto, int16].map((b) => b.compile(graph, { dtype: "int8" })));
  const [[actual], [wanted]] = [await ours.run([input]), await theirs.run([input])];
  const same = actual.data.every((value, i) => value === wanted.data[i]);
  let best: { ms: number; flops: number; kernel: string } | undefined;
  for (let i = 0; i < RUNS; i++) {
    const timing = (await ours.profile([input])).find(({ name }) => name === "layer");
    if (timing && (!best || timing.ms < best.ms)) best = timing;
    await setTimeout(5);
  }
  if (!best) throw new Error("the profile has no line of the layer");
  const rate = best.flops / best.ms / 1e6;
  console.log(
    `${layer.name.padEnd(13)} ${String(layer.size).padStart(6)} ${String(layer.c).padStart(4)} → ${String(layer.o).padEnd(4)} ${best.kernel.padEnd(40)} ${best.ms.toFixed(2).padStart(6)} ${rate.toFixed(1).padStart(7)} ${((100 * rate) / (most * threads)).toFixed(0).padStart(9)} %${same ? "" : "   not the int16 bits (float32 there)"}`,
  );
  ours.dispose();
  theirs.dispose();
}
auto.dispose();
int16.dispose();
