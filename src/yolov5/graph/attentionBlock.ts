/** The attention of 11 and 26: queries, keys and values from one convolution, positions from a depthwise one. */

import { GraphError } from "../../errors.js";
import { allocate, type DataByDType, type DType, type HostTensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { applyChild, type Block, child, derive, numberAttribute, type WeightForms } from "./context.js";

/** Rows of a tensor in another order. */
function gatherRows<D extends DType>(source: HostTensor<D>, order: readonly number[]): HostTensor<D> {
  const { dtype, shape, data } = source;
  const step = data.length / shape[0];
  const gathered: DataByDType[DType] = allocate(dtype, data.length);
  for (const [to, from] of order.entries()) {
    for (let i = 0; i < step; i++) gathered[to * step + i] = data[from * step + i];
  }
  return { dtype, shape, data: gathered as DataByDType[D] };
}

/**
 * A convolution block with its outputs in another order: the rows of every tensor that has one per output (filters, biases,
 * normalisations, scales of integers), each reordered once a model.
 */
function reordered(forms: WeightForms, module: ModuleNode, order: readonly number[]): ModuleNode {
  const key = `order ${order.join()}`;
  const gather = (tensors: ModuleNode["parameters"]): ModuleNode["parameters"] =>
    new Map(
      [...tensors].map(([name, t]) => [
        name,
        t.shape[0] === order.length ? derive(forms, t, key, (source) => gatherRows(source, order)) : t,
      ]),
    );
  const children = [...module.children].map(([name, part]) => [name, reordered(forms, part, order)] as const);
  return {
    ...module,
    parameters: gather(module.parameters),
    buffers: gather(module.buffers),
    children: new Map(children),
  };
}

const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);

/**
 * proj(softmax(qᵀ·k ÷ √key_dim)·v + pe(v)). The convolution `qkv` gives q, k and v head by head; here it gives all q, all k,
 * all v, so that each is a run of its channels.
 */
export const attentionBlock: Block = (context, module, path, inputs) => {
  const { builder } = context;
  const qkv = child(module, "qkv", path);
  const proj = child(module, "proj", path);
  const channels = child(qkv, "conv", `${path}.qkv`).parameters.get("weight")?.shape[0] ?? 0;
  const heads = numberAttribute(module, "num_heads", 0, path);
  const keySize = numberAttribute(module, "key_dim", 0, path);
  const size = channels / heads;
  const valueSize = size - 2 * keySize;
  if (![heads, keySize, size, valueSize].every((n) => Number.isInteger(n) && n > 0)) {
    throw new GraphError(
      `${path}: ${channels} channels are not ${heads} heads of queries and keys (${keySize} each) and values`,
      { path, channels, heads, keySize },
    );
  }
  const all = (start: number, count: number): number[] =>
    range(0, heads).flatMap((head) => range(head * size + start, count));
  const order = [...all(0, keySize), ...all(keySize, keySize), ...all(2 * keySize, valueSize)];
  const packed = context.apply(reordered(context.forms, qkv, order), `${path}.qkv`, inputs);
  const slice = (name: string, start: number, count: number): number =>
    builder.add("sliceChannels", `${path}.${name}`, [packed], { start, end: start + count });
  const keys = heads * keySize;
  const q = slice("q", 0, keys);
  const k = slice("k", keys, keys);
  const v = slice("v", 2 * keys, heads * valueSize);
  const attended = builder.add("attention", `${path}.attention`, [q, k, v], { heads });
  const positions = applyChild(context, module, path, "pe", [v]);
  const sum = builder.add("add", `${path}.sum`, [attended, positions], {});
  return context.apply(proj, `${path}.proj`, [sum]);
};
