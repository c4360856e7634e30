/**
 * Which values are stored in integers: those that nothing but integer convolutions read, all with one scale and zero
 * point, straight or through ops that keep order (max pool) or only move data (upsampling, concatenation). The step that
 * computes such a value rounds it at once, as the pass in front of its readers would: results are the same bit for bit.
 */

import { consumersOf, type Node, type NodeOf, type Pair, type ValueId } from "../../../../ops/index.js";
import { isChannelConcat, storedChannels } from "../../../channels.js";
import type { Lowering } from "../lowering.js";
import { bytesOf, type Quantization, TURN_BYTES } from "./view.js";

/** Of a convolution in integers, what its input is quantized with; undefined for others. */
export type QuantizationOf = (node: NodeOf<"conv2d">) => Quantization | undefined;

const FLOAT = "float32";
/**
 * The least scale of a value that is stored. From it on SiLU, which is at least −4 in float32 wherever a sum may lead, is rounded right
 * without a clamp: that is for numbers above −1.5 × 2²³ steps.
 */
const LEAST_SCALE = 2 ** -21;
const keyOf = ({ inputScale, inputZeroPoint }: Quantization): string => `${inputScale} ${inputZeroPoint}`;

/** Fills `lowering.integers`. */
export function planIntegers(lowering: Lowering, quantizationOf: QuantizationOf): void {
  const { graph, options, channels, integers } = lowering;
  const { int8: format } = options;
  if (!format) return;
  const wanted = new Map<ValueId, Map<string, Quantization | undefined>>();
  const candidates = new Set<ValueId>();
  for (const node of graph.nodes) if (mayBeStored(lowering, node, quantizationOf)) candidates.add(node.outputs[0]);
  for (const id of [...graph.outputs, ...options.keep]) candidates.delete(id);
  for (let before = -1; before !== candidates.size; ) {
    before = candidates.size;
    wanted.clear();
    const want = (id: ValueId, quantization: Quantization | undefined): void => {
      const wishes = wanted.get(id) ?? new Map<string, Quantization | undefined>();
      const stored = quantization && quantization.inputScale >= LEAST_SCALE ? quantization : undefined;
      wanted.set(id, wishes.set(stored ? keyOf(stored) : FLOAT, stored));
    };
    for (const node of [...graph.nodes].reverse()) {
      const [output] = node.outputs;
      const [x, ...others] = node.inputs;
      if (node.type === "conv2d") {
        want(x, quantizationOf(node));
        for (const id of others) want(id, undefined);
        continue;
      }
      const quantization = candidates.has(output) ? onlyOf(wanted.get(output)) : undefined;
      for (const id of node.inputs) want(id, quantization);
    }
    for (const id of candidates) if (!onlyOf(wanted.get(id))) candidates.delete(id);
    for (const { type, inputs, outputs } of graph.nodes) {
      if (type !== "conv2d" && inputs.some((id) => !candidates.has(id))) candidates.delete(outputs[0]);
    }
  }
  const borders = new Map<ValueId, Pair>();
  const rootOf = (id: ValueId): ValueId => {
    const place = channels.places.get(id);
    return place ? rootOf(place.parent) : id;
  };
  const consumers = consumersOf(graph);
  for (const id of candidates) {
    const root = rootOf(id);
    let [y, x] = borders.get(root) ?? [0, 0];
    for (const index of consumers.get(id) ?? []) {
      const node = graph.nodes[index];
      if (node.type !== "conv2d") continue;
      y = Math.max(y, node.attrs.padding[0]);
      x = Math.max(x, node.attrs.padding[1]);
    }
    borders.set(root, [y, x]);
  }
  for (const id of candidates) {
    const quantization = onlyOf(wanted.get(id));
    if (quantization) integers.set(id, { quantization, border: borders.get(rootOf(id)) ?? [0, 0] });
  }
}

/** The one wish for a value, if all are the same and it is not float32. */
const onlyOf = (wishes: ReadonlyMap<string, Quantization | undefined> | undefined): Quantization | undefined =>
  wishes?.size === 1 ? [...wishes.values()][0] : undefined;

/** Whether there is a kernel that writes this node's output in integers. */
function mayBeStored(lowering: Lowering, node: Node, quantizationOf: QuantizationOf): boolean {
  const { graph, channels, options } = lowering;
  const bytes = options.int8 ? bytesOf(options.int8) : 0;
  const wholeTurns = (id: ValueId): boolean => (storedChannels(lowering.segments(id)) * bytes) % TURN_BYTES === 0;
  switch (node.type) {
    case "conv2d":
      return quantizationOf(node) !== undefined;
    case "maxPool2d":
      return wholeTurns(node.outputs[0]);
    case "upsampleNearest":
      return wholeTurns(node.outputs[0]) && node.attrs.scale.some((factor) => factor !== 1);
    case "concat":
      // Values that stand elsewhere are copied in, turn by turn.
      return (
        isChannelConcat(graph, node) &&
        node.inputs.length > 1 &&
        node.inputs.every((id) => channels.places.get(id)?.parent === node.outputs[0] || wholeTurns(id))
      );
    default:
      return false;
  }
}
