/**
 * GFLOP/s of the WASM kernels on the layers of yolov5n, beside the ceiling of the host: multiply-adds in registers, no
 * memory. Times are the least of several runs; results are checked against the reference first.
 *
 *   npx esbuild bench/wasmLayers.ts --bundle --platform=node --format=esm --outfile=.cache/wasmLayers.mjs
 *   node .cache/wasmLayers.mjs [threads]
 */

import { wasmCeiling } from "../src/cli/bench/peaks/wasm.js";
import { openWasm } from "../src/node/wasm.js";
import { GraphBuilder, OPS, type OpAttributes } from "../src/ops/index.js";
import { compare, elementCount, type HostTensor, seededRandom, tensor } from "../src/tensor/index.js";

const RUNS = 12;

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
  { name: "3×3", size: 80, c: 64, o: 64, k: 3, s: 1 },
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
function layerGraph({ size, c, o, k, s }: Layer) {
  const b = new GraphBuilder();
  let x = b.input("x", { shape: [1, c, size, size], dtype: "float32" });
  if (c > 4) x = b.add("scale", "before", [x], { factor: 1 });
  const attrs: OpAttributes["conv2d"] = {
    stride: [s, s],
    padding: k === 6 ? [2, 2] : [k >> 1, k >> 1],
    dilation: [1, 1],
    groups: 1,
    activation: { kind: "silu" },
    hasBias: true,
    hasResidual: false,
  };
  const weight = noise([o, c, k, k], Math.sqrt(3 / (c * k * k)));
  const bias = noise([o], 0.1);
  const y = b.add("conv2d", "layer", [x, b.constant("w", weight), b.constant("b", bias)], attrs);
  return { graph: b.finish([y]), weight, bias, attrs };
}

const threads = Number(process.argv[2] ?? 1);
for (const instructions of ["simd", "relaxed"] as const) {
  const backend = await openWasm({ instructions, threads });
  const most = await wasmCeiling(instructions === "relaxed");
  console.log(`\n${backend.adapter}; ceiling of one thread in registers ${most.toFixed(1)} GFLOP/s`);
  console.log("layer            map  in → out   kernel                      ms  GFLOP/s  of ceiling      NMSE");
  for (const layer of LAYERS) {
    const { graph, weight, bias, attrs } = layerGraph(layer);
    const executable = await backend.compile(graph);
    const input = noise([1, layer.c, layer.size, layer.size], 1);
    const [actual] = await executable.run([input]);
    const [wanted] = OPS.conv2d.reference([input, weight, bias], attrs);
    const { nmse } = compare(actual, wanted);
    let best: { ms: number; flops: number; kernel: string } | undefined;
    for (let i = 0; i < RUNS; i++) {
      const timing = (await executable.profile([input])).find(({ name }) => name === "layer");
      if (timing && (!best || timing.ms < best.ms)) best = timing;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!best) throw new Error("the profile has no line of the layer");
    const rate = best.flops / best.ms / 1e6;
    const share = ((100 * rate) / (most * threads)).toFixed(0);
    const kernel = best.kernel.split(" ").slice(0, 4).join(" ");
    console.log(
      `${layer.name.padEnd(13)} ${String(layer.size).padStart(6)} ${String(layer.c).padStart(4)} → ${String(layer.o).padEnd(4)} ${kernel.padEnd(26)} ${best.ms.toFixed(2).padStart(5)} ${rate.toFixed(1).padStart(8)} ${share.padStart(9)} % ${nmse.toExponential(1).padStart(9)}`,
    );
    executable.dispose();
  }
  backend.dispose();
}
