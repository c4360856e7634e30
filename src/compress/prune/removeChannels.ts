/**
 * Builds the smaller module tree: cuts the rows and columns of removed units from every weight and updates
 * attributes.
 */

import type { Pieces } from "../../breathe.js";
import { type HostTensor, tensor } from "../../tensor/index.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import type { ChannelMap, Unit, WeightUse } from "./channels.js";
import { changeTree, moduleOfPath, tensorOfPath } from "./moduleTensors.js";

/**
 * Removes units from a tree; yields after each convolution.
 * @param map channel map of the graph built from this tree.
 */
export function* removeChannels(root: ModuleNode, map: ChannelMap, removed: ReadonlySet<Unit>): Pieces<ModuleNode> {
  const tensors = new Map<HostTensor, HostTensor>();
  const attributes = new Map<ModuleNode, ReadonlyMap<string, PlainValue>>();
  const keptOf = (units: readonly Unit[]): number[] => units.map((_, i) => i).filter((i) => !removed.has(units[i]));
  for (const use of map.weights) {
    const outputs = keptOf(use.outputs);
    const inputs = keptOf(use.inputs);
    if (outputs.length === use.outputs.length && inputs.length === use.inputs.length) continue;
    const { name } = use.node;
    const weight = tensorOfPath(root, `${name}.weight`);
    const bias = tensorOfPath(root, `${name}.bias`);
    if (weight) tensors.set(weight, cutWeight(weight, use, outputs, inputs));
    if (bias) tensors.set(bias, take(bias, 0, outputs));
    const module = moduleOfPath(root, name);
    if (module) attributes.set(module, channelAttributes(module, use, outputs.length, inputs.length));
    yield;
  }
  for (const { node, channels } of map.norms) {
    const kept = keptOf(channels);
    if (kept.length === channels.length) continue;
    for (const part of ["weight", "bias", "running_mean", "running_var"]) {
      const own = tensorOfPath(root, `${node.name}.${part}`);
      if (own) tensors.set(own, take(own, 0, kept));
    }
    const module = moduleOfPath(root, node.name);
    if (module) attributes.set(module, present(module, { num_features: kept.length }));
  }
  for (const { node, inputs } of map.slices) {
    const { start, end } = node.attrs;
    if (keptOf(inputs).length === inputs.length) continue;
    const before = (channel: number): number => keptOf(inputs.slice(0, channel)).length;
    // A module of an export that is a slice itself.
    const own = moduleOfPath(root, node.name);
    if (own) {
      attributes.set(own, present(own, { start: before(start), end: before(end) }));
      continue;
    }
    const module = moduleOfPath(root, node.name.slice(0, node.name.lastIndexOf(".")));
    // Where C2f and its like split their channels; slices of attention keep theirs.
    if (module && start > 0) attributes.set(module, new Map([["c", before(start)]]));
  }
  return changeTree(root, { tensors, attributes });
}

function cutWeight(
  weight: HostTensor,
  { layout, inputs: inputUnits, outputs: outputUnits }: WeightUse,
  outputs: readonly number[],
  inputs: readonly number[],
): HostTensor {
  switch (layout) {
    case "conv":
      return take(take(weight, 0, outputs), 1, inputs);
    case "depthwise":
      return take(weight, 0, outputs);
    case "grouped": {
      // The second axis is one group wide; the same positions stay in all groups.
      const width = weight.shape[1];
      return take(
        take(weight, 0, outputs),
        1,
        inputs.filter((i) => i < width),
      );
    }
    case "transposed":
      return take(take(weight, 0, inputs), 1, outputs);
    case "transposedDepthwise": {
      const multiplier = outputUnits.length / inputUnits.length;
      return multiplier === weight.shape[1] ? take(weight, 0, inputs) : weight;
    }
  }
}

/** Slices of one axis, in the given order. */
function take(source: HostTensor, axis: number, indices: readonly number[]): HostTensor {
  const { shape, data, dtype } = source;
  const outer = shape.slice(0, axis).reduce((product, d) => product * d, 1);
  const inner = shape.slice(axis + 1).reduce((product, d) => product * d, 1);
  const result = tensor(
    dtype,
    shape.map((d, i) => (i === axis ? indices.length : d)),
  );
  for (let o = 0; o < outer; o++) {
    for (const [to, from] of indices.entries()) {
      const start = (o * shape[axis] + from) * inner;
      const target = (o * indices.length + to) * inner;
      for (let i = 0; i < inner; i++) result.data[target + i] = data[start + i];
    }
  }
  return result;
}

function channelAttributes(
  module: ModuleNode,
  { layout }: WeightUse,
  outputs: number,
  inputs: number,
): ReadonlyMap<string, PlainValue> {
  const depthwise = layout === "depthwise" || layout === "transposedDepthwise";
  return present(module, {
    in_channels: inputs,
    out_channels: outputs,
    in_features: inputs,
    out_features: outputs,
    ...(depthwise ? { groups: inputs } : {}),
  });
}

/** Keeps only values for attributes that the module already has. */
function present(module: ModuleNode, values: Readonly<Record<string, number>>): Map<string, PlainValue> {
  return new Map(Object.entries(values).filter(([name]) => module.attributes.has(name)));
}
