/** What exported graphs (ONNX) are made of beside PyTorch's modules, as graph nodes. */

import { GraphError } from "../../errors.js";
import type { ValueId } from "../../ops/index.js";
import { scalarNumber } from "../../weights/describe.js";
import type { PlainValue } from "../../weights/types.js";
import { MAX_SOURCES } from "./bounds.js";
import { type Block, numberAttribute, only } from "./context.js";

/** Channels [start, end). */
const channelSlice: Block = (context, module, path, inputs) => {
  const start = numberAttribute(module, "start", 0, path);
  const end = numberAttribute(module, "end", 0, path);
  return context.builder.add("sliceChannels", path, [only(inputs, path)], { start, end });
};

/** x · factor. */
const scale: Block = (context, module, path, inputs) =>
  context.builder.add("scale", path, [only(inputs, path)], { factor: numberAttribute(module, "factor", 1, path) });

/** softmax(qᵀ·k ÷ √size)·v of the inputs q, k and v. */
const scaledDotProduct: Block = (context, module, path, inputs) =>
  context.builder.add("attention", path, inputs, { heads: numberAttribute(module, "heads", 1, path) });

/** Pixels of blocks as channels: Focus without its convolution, or Contract. */
const spaceToDepth: Block = (context, module, path, inputs) => {
  const block = numberAttribute(module, "block", 2, path);
  const order = module.attributes.get("order") === "focus" ? "focus" : "contract";
  return context.builder.add("spaceToDepth", path, [only(inputs, path)], { block, order });
};

/** Where a part of a `Wired` module reads: from 0 the parts before it, from -1 downwards the module's own inputs. */
function sourcesOf(value: PlainValue | undefined, path: string): readonly number[] {
  const list = Array.isArray(value) ? value : [];
  const sources = list.map((item: PlainValue) => scalarNumber(item) ?? Number.NaN);
  if (sources.length === 0 || sources.length > MAX_SOURCES) {
    throw new GraphError(`${path}.f must name 1 to ${MAX_SOURCES} values`, { path });
  }
  return sources;
}

/** Parts that read each other and the module's inputs as their `f` says; the last one's output is the module's. */
const wired: Block = (context, module, path, inputs) => {
  const values: ValueId[] = [];
  for (const [name, part] of module.children) {
    const own = `${path}.${name}`;
    const read = sourcesOf(part.attributes.get("f"), own).map((source) => {
      const value = source < 0 ? inputs[-1 - source] : values[source];
      if (value === undefined) throw new GraphError(`${own} reads ${source}, which does not come before it`, { path });
      return value;
    });
    values.push(context.apply(part, own, read));
  }
  const last = values[values.length - 1];
  if (last === undefined) throw new GraphError(`${path} has no parts`, { path });
  return last;
};

export const EXPORTED_BLOCKS: readonly (readonly [string, Block])[] = [
  ["ChannelSlice", channelSlice],
  ["Scale", scale],
  ["ScaledDotProduct", scaledDotProduct],
  ["SpaceToDepth", spaceToDepth],
  ["Wired", wired],
];
