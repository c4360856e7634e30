/**
 * Blocks of the newer networks (v8, 11, 26) as graph nodes: those that split channels, and what stands inside them.
 * Wiring as the papers and the pickled module trees tell it; numbers proved against recorded layers.
 */

import { GraphError } from "../../errors.js";
import type { ValueId } from "../../ops/index.js";
import type { ModuleNode } from "../../weights/types.js";
import {
  applyChild,
  type Block,
  type BuildContext,
  booleanAttribute,
  child,
  numberAttribute,
  only,
} from "./context.js";

/** cv1(x) and its two halves along channels. */
function halves(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  inputs: readonly ValueId[],
): { readonly whole: ValueId; readonly first: () => ValueId; readonly second: ValueId } {
  const whole = applyChild(context, module, path, "cv1", inputs);
  const channels = context.builder.shape(whole)[1];
  // Pruned files say where the split is; the others split in the middle.
  const split = numberAttribute(module, "c", channels / 2, path);
  if (!(Number.isInteger(split) && split > 0 && split < channels)) {
    throw new GraphError(`${path}: ${channels} channels cannot be split at ${split}`, { path, channels, split });
  }
  const slice = (name: string, start: number, end: number): ValueId =>
    context.builder.add("sliceChannels", `${path}.${name}`, [whole], { start, end });
  return { whole, first: () => slice("first", 0, split), second: slice("second", split, channels) };
}

/**
 * cv2(cat(a, b, m₀(b), m₁(m₀(b)), …)), a and b the halves of cv1(x): C2f and, with other modules in `m`, C3k2.
 * The halves are joined as they came, so that only b is ever looked at by itself.
 */
export const c2f: Block = (context, module, path, inputs) => {
  const { whole, second } = halves(context, module, path, inputs);
  const parts = [whole];
  let last = second;
  for (const [name, part] of child(module, "m", path).children) {
    last = context.apply(part, `${path}.m.${name}`, [last]);
    parts.push(last);
  }
  const joined = context.builder.add("concat", `${path}.concat`, parts, { axis: 1 });
  return applyChild(context, module, path, "cv2", [joined]);
};

/** cv2(cat(a, m(b))). */
export const c2psa: Block = (context, module, path, inputs) => {
  const { first, second } = halves(context, module, path, inputs);
  const main = applyChild(context, module, path, "m", [second]);
  const joined = context.builder.add("concat", `${path}.concat`, [first(), main], { axis: 1 });
  return applyChild(context, module, path, "cv2", [joined]);
};

/** attn, then ffn, each with its shortcut if it has one. */
function attended(context: BuildContext, module: ModuleNode, path: string, x: ValueId, shortcut: boolean): ValueId {
  const add = (name: string, value: ValueId): ValueId => {
    const y = applyChild(context, module, path, name, [value]);
    return shortcut ? context.builder.add("add", `${path}.${name}.sum`, [value, y], {}) : y;
  };
  return add("ffn", add("attn", x));
}

export const psaBlock: Block = (context, module, path, inputs) =>
  attended(context, module, path, only(inputs, path), booleanAttribute(module, "add", true));

/** cv2(cv1(x)): a 1×1 convolution for channels, then a depthwise one that takes every second pixel (SCDown of v10). */
export const scDown: Block = (context, module, path, inputs) =>
  applyChild(context, module, path, "cv2", [applyChild(context, module, path, "cv1", inputs)]);
