/**
 * Unstructured pruning: the smallest weights of all convolutions become zero, as
 * `torch.nn.utils.prune.global_unstructured(…, pruning_method=L1Unstructured, amount=…)` has it (checked against PyTorch's
 * own masks). The network keeps its size and its speed; what shrinks is the compressed file.
 */

import { OptionError } from "../../errors.js";
import { type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import { walkModules } from "../../weights/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { roundHalfEven } from "../../yolov5/boxes.js";
import { changeTree } from "./moduleTensors.js";
import { smallestIndices } from "./smallest.js";

export interface UnstructuredResult {
  readonly module: ModuleNode;
  /** Zeros among the weights of the convolutions, in all. */
  readonly zeros: number;
  readonly weights: number;
}

/** Weights of all Conv2d modules, each once, in PyTorch's order of modules. */
export function convolutionWeights(module: ModuleNode): HostTensor[] {
  const weights = new Set<HostTensor>();
  walkModules(module, (node) => {
    const weight = node.parameters.get("weight");
    if (node.type === "Conv2d" && weight?.shape.length === 4) weights.add(weight);
  });
  return [...weights];
}

/**
 * Which weights go: the `round(amount × total)` smallest absolute values of all tensors together (Python's rounding, half
 * to even); of equal values at the edge those that PyTorch takes.
 * @returns a mask a tensor, 1 where the weight stays.
 * @throws OptionError for an amount outside [0, 1].
 */
export function l1Masks(weights: readonly HostTensor[], amount: number): Uint8Array[] {
  if (!(amount >= 0 && amount <= 1)) {
    throw new OptionError(`prune: the amount ${amount} must be between 0 and 1 (0.2 zeroes 20 % of the weights)`);
  }
  const total = weights.reduce((sum, { data }) => sum + data.length, 0);
  const sizes = new Float32Array(total);
  let at = 0;
  for (const weight of weights) for (const v of toFloat32(weight).data) sizes[at++] = Math.abs(v);
  const all = new Uint8Array(total).fill(1);
  for (const index of smallestIndices(sizes, roundHalfEven(amount * total))) all[index] = 0;
  let start = 0;
  return weights.map(({ data }) => {
    start += data.length;
    return all.subarray(start - data.length, start);
  });
}

/** Zeroes the smallest weights of all convolutions; tensors keep their types. */
export function pruneUnstructured(module: ModuleNode, amount: number): UnstructuredResult {
  const weights = convolutionWeights(module);
  const masks = l1Masks(weights, amount);
  const tensors = new Map(weights.map((weight, i) => [weight, masked(weight, masks[i])] as const));
  const total = weights.reduce((sum, { data }) => sum + data.length, 0);
  let zeros = 0;
  for (const { data } of tensors.values()) for (const v of data) if (Number(v) === 0) zeros++;
  return { module: changeTree(module, { tensors, attributes: new Map() }), zeros, weights: total };
}

function masked(weight: HostTensor, mask: Uint8Array): HostTensor {
  const copy = tensor(weight.dtype, weight.shape, weight.data.slice() as typeof weight.data);
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) copy.data[i] = 0;
  return copy;
}
