/**
 * How much each convolution's output suffers where it alone is computed in int8: beside every planned convolution stands its
 * quantized twin, which reads the same values in float32.
 */

import { Breather } from "../../breathe.js";
import { type Graph, isInteger, type Node, type NodeOf, type Value, type ValueId } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import { elementCount, type HostTensor, toFloat32 } from "../../tensor/index.js";
import { dequantizeWeight } from "../../yolov5/checkpoint/quantized.js";
import type { Calibration } from "./calibrate.js";
import type { QuantizationPlan } from "./plan.js";
import { quantizeWeight } from "./weights.js";

/** Noise beyond which a convolution stays float32: a hundredth of the output's own energy. */
const MOST_NOISE = 0.01;
/** Share of the planned weights that may stay float32: their files are 0.75 % of a float32 file larger then. */
const BUDGET = 0.03;
/** Bytes of outputs that are looked at in one run. */
const MOST_BYTES = 2 ** 28;

type Conv = NodeOf<"conv2d">;

/** Noise over signal of each planned convolution, by module path; empty on a backend without int8. */
export async function noiseOfLayers(
  backend: Backend,
  { graph, convolutions }: QuantizationPlan,
  { activations }: Calibration,
  inputs: readonly HostTensor[],
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const noise = new Map<string, number>();
  if (!backend.capabilities.dtypes.includes("int8")) return noise;
  const breather = new Breather(signal);
  for (const names of partsOf(graph, convolutions)) {
    const { twinned, outputs } = withTwins(graph, convolutions, activations, new Set(names));
    const executable = await backend.compile(twinned, { dtype: "int8", ...(signal ? { signal } : {}) });
    const sums = outputs.map(() => ({ error: 0, energy: 0 }));
    try {
      for (const input of inputs) {
        const values = await executable.run([input]);
        for (const [i, sum] of sums.entries()) {
          addErrors(sum, values[2 * i], values[2 * i + 1]);
          await breather.rest();
        }
      }
    } finally {
      executable.dispose();
    }
    for (const [i, name] of outputs.entries()) noise.set(name, sums[i].energy > 0 ? sums[i].error / sums[i].energy : 0);
  }
  return noise;
}

/** Paths in parts whose outputs fit into memory together. */
function partsOf(graph: Graph, convolutions: QuantizationPlan["convolutions"]): string[][] {
  const parts: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [name, { outputs }] of convolutions) {
    const own = elementCount(graph.values[outputs[0]].shape) * 8;
    if (bytes + own > MOST_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts[parts.length - 1].push(name);
    bytes += own;
  }
  return parts;
}

/** The graph with a quantized twin behind each of the convolutions; its outputs are theirs and their twins', in turn. */
function withTwins(
  graph: Graph,
  convolutions: QuantizationPlan["convolutions"],
  activations: Calibration["activations"],
  names: ReadonlySet<string>,
): { readonly twinned: Graph; readonly outputs: readonly string[] } {
  const values: Value[] = [...graph.values];
  const constants = new Map(graph.constants);
  const add = (name: string, like: ValueId): ValueId => {
    values.push({ ...graph.values[like], id: values.length, name });
    return values.length - 1;
  };
  const outputs: string[] = [];
  const ids: ValueId[] = [];
  const twinOf = (node: Conv): Node | undefined => {
    const input = activations.get(node.name);
    const weight = graph.constants.get(node.inputs[1]);
    if (!names.has(node.name) || convolutions.get(node.name) !== node || !input || !weight) return undefined;
    const { weight: whole, scales } = quantizeWeight(weight);
    const own = add(`${node.name}.twin.weight`, node.inputs[1]);
    constants.set(own, dequantizeWeight(whole, scales.data));
    const output = add(`${node.name}.twin`, node.outputs[0]);
    const quantization = { inputScale: input.scale, inputZeroPoint: input.zeroPoint, weightScales: scales.data };
    const attrs = { ...node.attrs, quantization };
    if (!isInteger(attrs, weight.shape)) return undefined;
    outputs.push(node.name);
    ids.push(node.outputs[0], output);
    const [x, , ...rest] = node.inputs;
    return { ...node, name: `${node.name}.twin`, inputs: [x, own, ...rest], outputs: [output], attrs };
  };
  const nodes = graph.nodes.flatMap((node) => {
    const twin = node.type === "conv2d" ? twinOf(node) : undefined;
    return twin ? [node, twin] : [node];
  });
  return { twinned: { ...graph, values, constants, nodes, outputs: ids, taps: new Map() }, outputs };
}

function addErrors(sum: { error: number; energy: number }, wanted: HostTensor, given: HostTensor): void {
  const [a, b] = [toFloat32(wanted).data, toFloat32(given).data];
  for (let i = 0; i < a.length; i++) {
    sum.error += (a[i] - b[i]) ** 2;
    sum.energy += a[i] ** 2;
  }
}

/**
 * Convolutions to leave in float32: the noisiest first, above a limit, as long as their weights are within the budget.
 * @param noise of `noiseOfLayers`
 */
export function layersThatHurt(
  { graph, convolutions }: QuantizationPlan,
  noise: ReadonlyMap<string, number>,
): string[] {
  const weightsOf = (node: Conv | undefined): number => (node ? elementCount(graph.values[node.inputs[1]].shape) : 0);
  const total = [...convolutions.values()].reduce((sum, node) => sum + weightsOf(node), 0);
  let left = BUDGET * total;
  const chosen: string[] = [];
  for (const [name, value] of [...noise].sort((a, b) => b[1] - a[1])) {
    const own = weightsOf(convolutions.get(name));
    if (value <= MOST_NOISE || own > left) continue;
    left -= own;
    chosen.push(name);
  }
  return chosen;
}
