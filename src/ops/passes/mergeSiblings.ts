/**
 * Pass: a C3's cv1 and cv2, two convolutions over the same input, become one with the filters of both and a channel slice
 * each. Done where it costs no copy: cv2 alone goes into a concat behind a value as wide as cv1, so that the merged output
 * can lie in the concat's own place, cv1's channels where that value comes later (`overwrites`).
 */

import { type HostTensor, tensor } from "../../tensor/index.js";
import { consumersOf, type Graph, type Node, type NodeOf, producersOf, type ValueId } from "../graph/graph.js";
import { floats } from "../shapes.js";
import { GraphDraft } from "./rewrite.js";

/** Stacked filters by those of the first convolution: graphs of one model at several sizes then share them. */
export type MergeCache = WeakMap<HostTensor, { readonly second: HostTensor; readonly stacked: HostTensor }>;

type Conv = NodeOf<"conv2d">;

/** Channels that backends store together; a slice that starts within such a group is no view. */
const GROUP = 4;

/**
 * Whether the node that gives `later` may write it where `earlier` lies: nothing reads `earlier` afterwards, and that node
 * itself reads it at most as the residual, element by element.
 */
export function overwrites(graph: Graph, later: ValueId, earlier: ValueId): boolean {
  const at = producersOf(graph).get(later);
  const writer = at === undefined ? undefined : graph.nodes[at];
  if (at === undefined || writer?.type !== "conv2d" || graph.outputs.includes(earlier)) return false;
  const readers = consumersOf(graph).get(earlier) ?? [];
  // A slice may be a view, whose readers come later.
  if (readers.some((reader) => reader > at || graph.nodes[reader].type === "sliceChannels")) return false;
  return !writer.inputs.slice(0, writer.attrs.hasResidual ? -1 : undefined).includes(earlier);
}

function alike(a: Conv, b: Conv, graph: Graph): boolean {
  const [first, second] = [a, b].map((conv) => graph.values[conv.inputs[1]].shape);
  const attributes = ({ attrs: { quantization: _, ...attrs } }: Conv) => JSON.stringify(attrs);
  return (
    attributes(a) === attributes(b) &&
    a.attrs.groups === 1 &&
    !a.attrs.hasResidual &&
    !a.attrs.quantization &&
    !b.attrs.quantization &&
    first.slice(1).join() === second.slice(1).join()
  );
}

function stack(first: HostTensor, second: HostTensor, cache: MergeCache): HostTensor {
  const known = cache.get(first);
  if (known?.second === second) return known.stacked;
  const data = new Float32Array(first.data.length + second.data.length);
  data.set(floats(first));
  data.set(floats(second), first.data.length);
  const stacked = tensor("float32", [first.shape[0] + second.shape[0], ...first.shape.slice(1)], data);
  cache.set(first, { second, stacked });
  return stacked;
}

/** The convolution that `second` can be merged with, if its place allows it. */
function partnerOf(graph: Graph, second: Conv, consumers: ReadonlyMap<ValueId, readonly number[]>): Conv | undefined {
  const [output] = second.outputs;
  const readers = consumers.get(output) ?? [];
  const concat = readers.length === 1 && !graph.outputs.includes(output) ? graph.nodes[readers[0]] : undefined;
  if (concat?.type !== "concat" || concat.attrs.axis !== 1 || concat.inputs.length !== 2) return undefined;
  const [later, own] = concat.inputs;
  if (own !== output || later === output) return undefined;
  const width = graph.values[later].shape[1];
  if (width % GROUP !== 0) return undefined;
  return (consumers.get(second.inputs[0]) ?? [])
    .map((index) => graph.nodes[index])
    .find(
      (node): node is Conv =>
        node.type === "conv2d" &&
        node !== second &&
        graph.values[node.outputs[0]].shape[1] === width &&
        alike(node, second, graph) &&
        overwrites(graph, later, node.outputs[0]),
    );
}

/** @param keep values that stay although nothing may read them */
export function mergeSiblings(
  graph: Graph,
  cache: MergeCache = new WeakMap(),
  keep: ReadonlySet<ValueId> = new Set(),
): Graph {
  const draft = new GraphDraft(graph);
  const consumers = consumersOf(graph);
  const replaced = new Map<Node, readonly Node[]>();
  for (const second of graph.nodes) {
    if (second.type !== "conv2d" || replaced.has(second)) continue;
    const first = partnerOf(graph, second, consumers);
    if (!first || replaced.has(first)) continue;
    const operands = [first, second].map((conv) => conv.inputs.slice(1).map((id) => graph.constants.get(id)));
    const stacked = operands[0].map((a, i) => {
      const b = operands[1][i];
      return a && b && stack(a, b, cache);
    });
    if (!stacked.every((t) => t !== undefined)) continue;
    const { shape, dtype } = graph.values[first.outputs[0]];
    const split = shape[1];
    const channels = split + graph.values[second.outputs[0]].shape[1];
    const name = `${first.name}+${second.name.slice(second.name.lastIndexOf(".") + 1)}`;
    const both = draft.addValue(name, { shape: [shape[0], channels, ...shape.slice(2)], dtype });
    const parts = stacked.map((t, i) => draft.addConstant(`${name}.${i === 0 ? "weight" : "bias"}`, t));
    const slice = (conv: Conv, start: number, end: number): Node => ({
      type: "sliceChannels",
      name: conv.name,
      inputs: [both],
      outputs: conv.outputs,
      attrs: { start, end },
    });
    const merged: Node = { ...first, name, inputs: [first.inputs[0], ...parts], outputs: [both] };
    const nodes = [merged, slice(first, 0, split), slice(second, split, channels)];
    // All where the earlier of the two stood.
    const firstIsEarlier = graph.nodes.indexOf(first) < graph.nodes.indexOf(second);
    replaced.set(first, firstIsEarlier ? nodes : []);
    replaced.set(second, firstIsEarlier ? [] : nodes);
  }
  draft.nodes = draft.nodes.flatMap((node) => replaced.get(node) ?? [node]);
  return draft.finish(keep);
}
