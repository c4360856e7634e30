/**
 * How much the network's outputs suffer from an error in each layer: perturbs the layer's weights by a known amount
 * and measures the error of the outputs on a few calibration pictures. Needs no labels. Multiplied by a layer's own
 * error (see `elimination.ts`), it is the final cost of removing a channel.
 */

import { Breather } from "../breathe.js";
import type { Graph, ValueId } from "../ops/index.js";
import type { Backend } from "../runtime/backend.js";
import { type Float32Tensor, type HostTensor, seededRandom, tensor, toFloat32 } from "../tensor/index.js";
import type { ModuleNode } from "../weights/types.js";
import { buildGraph } from "../yolov5/graph/buildGraph.js";
import type { HeadFacts } from "../yolov5/graph/heads.js";
import { outputError } from "./outputError.js";

/** How much the outputs suffer from an error in one layer. */
export interface LayerSensitivity {
  /** Name of the convolution. */
  readonly layer: string;
  /** Error of the network's outputs ÷ error of this layer's output, each relative to its energy. */
  readonly factor: number;
}

/** Options of `layerSensitivities`. */
export interface SensitivityOptions {
  /** Receives the number of layers done, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Standard deviation of the noise relative to that of the weights: 1 % of the energy. */
const NOISE = 0.1;

/**
 * @param inputs calibration pictures of one size; a handful is enough.
 * @returns one row per convolution, in graph order.
 */
export async function layerSensitivities(
  module: ModuleNode,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  options: SensitivityOptions = {},
): Promise<LayerSensitivity[]> {
  const [, , h, w] = inputs[0].shape;
  const { graph, head } = buildGraph(module, [1, 3, h, w]);
  const breather = new Breather(options.signal);
  const expected = await outputsOf(graph, inputs, backend, breather);
  const layers = graph.nodes.filter(({ type }) => type === "conv2d" || type === "convTranspose2d");
  const rows: LayerSensitivity[] = [];
  for (const { name, inputs: operands } of layers) {
    await breather.rest();
    const weight = graph.constants.get(operands[1]);
    if (!weight) continue;
    const shaken = await outputsOf(
      withConstant(graph, operands[1], await shake(weight, breather)),
      inputs,
      backend,
      breather,
    );
    rows.push({ layer: name, factor: meanError(shaken, expected, head) / NOISE ** 2 });
    options.onProgress?.(rows.length, layers.length);
  }
  return rows;
}

/** Error of a candidate's outputs relative to the original's, on the same pictures. */
export async function outputErrorOf(
  candidate: ModuleNode,
  original: ModuleNode,
  inputs: readonly Float32Tensor[],
  backend: Backend,
): Promise<number> {
  const [, , h, w] = inputs[0].shape;
  const { graph, head } = buildGraph(original, [1, 3, h, w]);
  const breather = new Breather();
  const expected = await outputsOf(graph, inputs, backend, breather);
  const actual = await outputsOf(buildGraph(candidate, [1, 3, h, w]).graph, inputs, backend, breather);
  return meanError(actual, expected, head);
}

function meanError(actual: readonly HostTensor[], expected: readonly HostTensor[], head: HeadFacts): number {
  return actual.reduce((sum, output, i) => sum + outputError(output, expected[i], head), 0) / actual.length;
}

/** The first output (boxes or classes) for each picture. */
async function outputsOf(
  graph: Graph,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  breather: Breather,
): Promise<HostTensor[]> {
  const executable = await backend.compile(graph);
  try {
    const outputs: HostTensor[] = [];
    for (const input of inputs) {
      outputs.push((await executable.run([input]))[0]);
      await breather.rest();
    }
    return outputs;
  } finally {
    executable.dispose();
  }
}

function withConstant(graph: Graph, id: ValueId, value: HostTensor): Graph {
  return { ...graph, constants: new Map([...graph.constants, [id, value]]) };
}

/** The weights plus normal noise, scaled by each output filter's own spread. */
async function shake(weight: HostTensor, breather: Breather): Promise<HostTensor> {
  const { data, shape } = toFloat32(weight);
  const random = seededRandom(5);
  const size = data.length / shape[0];
  const result = data.slice();
  for (let o = 0; o < shape[0]; o++) {
    const filter = data.subarray(o * size, (o + 1) * size);
    const spread = Math.sqrt(filter.reduce((sum, v) => sum + v * v, 0) / size);
    for (let i = 0; i < size; i++) {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      result[o * size + i] += NOISE * spread * normal;
    }
    await breather.rest();
  }
  return tensor("float32", shape, result);
}
