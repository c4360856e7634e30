/** Puts rounding in front of convolutions that are to be computed in integers. */

import type { Graph, Node, Value, ValueId } from "../graph/graph.js";
import type { GradientAttributes } from "./attributes.js";
import type { ForwardGraph, GradientNodeOf } from "./graph.js";

/**
 * The graph with convolutions whose inputs are rounded first, once for all that read a value in the same steps.
 * @param inputs by the convolution's name
 */
export function withFakeQuantizedInputs(
  graph: Graph,
  inputs: ReadonlyMap<string, GradientAttributes["fakeQuantize"]>,
): ForwardGraph {
  const values: Value[] = [...graph.values];
  const rounded = new Map<string, ValueId>();
  const nodes = graph.nodes.flatMap((node): (Node | GradientNodeOf<"fakeQuantize">)[] => {
    const attrs = node.type === "conv2d" ? inputs.get(node.name) : undefined;
    if (!attrs) return [node];
    const [x, ...rest] = node.inputs;
    const key = `${x} ${attrs.scale} ${attrs.zeroPoint}`;
    const known = rounded.get(key);
    const id = known ?? values.length;
    const own = { ...node, inputs: [id, ...rest] } as Node;
    if (known !== undefined) return [own];
    const name = `${node.name}.input`;
    values.push({ ...values[x], id, name });
    rounded.set(key, id);
    return [{ type: "fakeQuantize", name, inputs: [x], outputs: [id], attrs }, own];
  });
  return { ...graph, values, nodes };
}
