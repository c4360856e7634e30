/** The cost of a channel: its share of the layers that produce it and of those that read it. */

import { type Graph, opOf } from "../../ops/index.js";
import type { ChannelMap, Unit } from "./channels.js";

/** Floating-point operations saved by removing each unit alone. */
export function unitFlops(graph: Graph, map: ChannelMap): Map<Unit, number> {
  const flops = new Map<Unit, number>();
  const add = (unit: Unit, value: number): void => {
    flops.set(unit, (flops.get(unit) ?? 0) + value);
  };
  for (const { node, inputs, outputs, layout } of map.weights) {
    const describe = (ids: readonly number[]) => ids.map((id) => graph.values[id]);
    const total = opOf(node).flops(describe(node.inputs), describe(node.outputs), node.attrs);
    for (const unit of outputs) add(unit, total / outputs.length);
    // A depthwise convolution's inputs are its outputs.
    if (layout === "depthwise" || layout === "transposedDepthwise") continue;
    for (const unit of inputs) add(unit, total / inputs.length);
  }
  return flops;
}
