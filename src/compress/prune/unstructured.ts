/**
 * Unstructured pruning: sets the smallest weights of all convolutions to zero, like
 * `torch.nn.utils.prune.global_unstructured(…, pruning_method=L1Unstructured, amount=…)` (checked against PyTorch's
 * own masks), or weights in a pattern. The network keeps its size and speed; only the compressed file shrinks.
 */

import { atOnce, type Pieces } from "../../breathe.js";
import { OptionError } from "../../errors.js";
import { type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import { walkModules } from "../../weights/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { roundHalfEven } from "../../yolov5/output/boxes.js";
import { changeTree } from "./moduleTensors.js";
import { smallestIndexPieces } from "./smallest.js";

/** A network with some of its weights set to zero. */
export interface UnstructuredResult {
  readonly module: ModuleNode;
  /** Total number of zeros among the convolutions' weights. */
  readonly zeros: number;
  readonly weights: number;
}

/** Weights of all Conv2d modules, each once, in PyTorch's module order. */
export function convolutionWeights(module: ModuleNode): HostTensor[] {
  const weights = new Set<HostTensor>();
  walkModules(module, (node) => {
    const weight = node.parameters.get("weight");
    if (node.type === "Conv2d" && weight?.shape.length === 4) weights.add(weight);
  });
  return [...weights];
}

/**
 * Chooses the weights to zero: the `round(amount × total)` smallest absolute values of all tensors together (Python's
 * rounding, half to even). Ties are resolved as in PyTorch.
 * @returns one mask per tensor, 1 where the weight stays.
 * @throws OptionError for an amount outside [0, 1].
 */
export function l1Masks(weights: readonly HostTensor[], amount: number): Uint8Array[] {
  return atOnce(l1MaskPieces(weights, amount));
}

function* l1MaskPieces(weights: readonly HostTensor[], amount: number): Pieces<Uint8Array[]> {
  if (!(amount >= 0 && amount <= 1)) {
    throw new OptionError(`prune: the amount ${amount} must be between 0 and 1 (0.2 zeroes 20 % of the weights)`);
  }
  const total = weights.reduce((sum, { data }) => sum + data.length, 0);
  const sizes = new Float32Array(total);
  let at = 0;
  for (const weight of weights) {
    const { data } = toFloat32(weight);
    for (let i = 0; i < data.length; i++) sizes[at++] = Math.abs(data[i]);
    yield;
  }
  const all = new Uint8Array(total).fill(1);
  const zeroed = yield* smallestIndexPieces(sizes, roundHalfEven(amount * total));
  for (let i = 0; i < zeroed.length; i++) all[zeroed[i]] = 0;
  yield;
  let start = 0;
  return weights.map(({ data }) => {
    start += data.length;
    return all.subarray(start - data.length, start);
  });
}

/** Zeroes the smallest weights of all convolutions; tensors keep their types. */
export function pruneUnstructured(module: ModuleNode, amount: number): UnstructuredResult {
  return atOnce(pruneUnstructuredPieces(module, amount));
}

/** The same in pieces: one tensor, or a million values of the selection, each. */
export function* pruneUnstructuredPieces(module: ModuleNode, amount: number): Pieces<UnstructuredResult> {
  const weights = convolutionWeights(module);
  return yield* maskedPieces(module, weights, yield* l1MaskPieces(weights, amount));
}

/** Keeps the weights of convolutions whose masks are 1. */
export function* maskedPieces(
  module: ModuleNode,
  weights: readonly HostTensor[],
  masks: readonly Uint8Array[],
): Pieces<UnstructuredResult> {
  const tensors = new Map<HostTensor, HostTensor>();
  let [zeros, total] = [0, 0];
  for (const [i, weight] of weights.entries()) {
    const own = masked(weight, masks[i]);
    tensors.set(weight, own);
    total += own.data.length;
    for (let at = 0; at < own.data.length; at++) if (Number(own.data[at]) === 0) zeros++;
    yield;
  }
  return { module: changeTree(module, { tensors }), zeros, weights: total };
}

function masked(weight: HostTensor, mask: Uint8Array): HostTensor {
  const copy = tensor(weight.dtype, weight.shape, weight.data.slice() as typeof weight.data);
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) copy.data[i] = 0;
  return copy;
}
