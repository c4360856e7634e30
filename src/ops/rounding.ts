/**
 * How far two float32 computations of one graph may be apart, as normalised mean squared errors (NMSE). PyTorch and an
 * engine sum in different orders and fold BatchNorm or not; both are right, and neither gives the other's last digits.
 *
 * One operation rounds by a relative error that is spread evenly over ±u, u = 2⁻²⁴: its mean square is u²/3. An output element
 * of an op takes n operations (2 a term of a convolution's sum), whose errors are independent and relative to partial results
 * that are, in the mean square, no larger than the result's channel: together n·u²/3 at most (Higham and Mary, "A new approach to
 * probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019).
 *
 * `countedRounding` adds these up along the longest path to a value: right where a network passes errors on as it passes
 * signals on. `amplifiedRounding` measures what the network really does with them: the graph runs twice, once with every op's
 * output disturbed by that much, and the distance of the two is the NMSE (stochastic arithmetic: Vignes 1993, Parker 1997).
 * Networks of random weights, whose BatchNorm subtracts most of the signal, amplify rounding a hundredfold.
 */

import { compare, elementCount, type HostTensor, seededRandom } from "../tensor/index.js";
import { evaluate, givenValue } from "./graph/evaluate.js";
import type { Graph, Node, ValueId } from "./graph/graph.js";
import { opOf } from "./registry.js";

/** Mean square of one operation's relative rounding error. */
const ROUNDING = 2 ** -48 / 3;

/** Operations that one element of a node's output takes. */
function operationsOf(graph: Graph, node: Node): number {
  const descs = (ids: readonly ValueId[]) => ids.map((id) => graph.values[id]);
  const elements = node.outputs.reduce((sum, id) => sum + elementCount(graph.values[id].shape), 0);
  return opOf(node).flops(descs(node.inputs), descs(node.outputs), node.attrs) / Math.max(1, elements);
}

/** NMSE of every value that roundings along the longest path to it account for. */
export function countedRounding(graph: Graph): Map<ValueId, number> {
  const found = new Map<ValueId, number>();
  for (const node of graph.nodes) {
    const before = Math.max(0, ...node.inputs.map((id) => found.get(id) ?? 0));
    const own = operationsOf(graph, node) * ROUNDING;
    for (const id of node.outputs) found.set(id, before + own);
  }
  return found;
}

/**
 * NMSE of some values between a run as it is and one with every op's roundings added, which takes two runs of the reference.
 * @param inputs as the graph declares them.
 */
export async function amplifiedRounding(
  graph: Graph,
  inputs: readonly HostTensor[],
  ids: readonly ValueId[],
  seed = 1,
): Promise<Map<ValueId, number>> {
  const keep = new Set(ids);
  const plain = await evaluate(graph, inputs, { keep });
  const random = seededRandom(seed);
  const alter = (result: HostTensor, node: Node): HostTensor =>
    disturbed(result, Math.sqrt(operationsOf(graph, node) * ROUNDING), random);
  const noisy = await evaluate(graph, inputs, { keep, alter });
  return new Map(ids.map((id) => [id, compare(givenValue(graph, noisy, id), givenValue(graph, plain, id)).nmse]));
}

/** Every element off by a random number of root mean square `error` × that of its channel (the second axis). */
function disturbed(value: HostTensor, error: number, random: () => number): HostTensor {
  if (error === 0) return value;
  const [images, channels = 1, ...plane] = value.shape;
  const size = elementCount(plane);
  const data = (value.data as Float32Array).slice();
  for (let channel = 0; channel < images * channels; channel++) {
    const part = data.subarray(channel * size, (channel + 1) * size);
    const energy = part.reduce((sum, v) => sum + v * v, 0) / Math.max(1, size);
    // Even between ±√3: a mean square of 1.
    const scale = error * Math.sqrt(3 * energy);
    for (let i = 0; i < part.length; i++) part[i] += scale * (2 * random() - 1);
  }
  return { ...value, data } as HostTensor;
}
