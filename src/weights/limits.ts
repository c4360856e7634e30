/** Bounds on what a checkpoint may hold, each far beyond every real model (the table in `docs/hostile-files.md`). */

import { elementCount, type HostTensor } from "../tensor/index.js";
import { type Budget, damaged } from "./budget.js";

export const MAX_TREE_DEPTH = 64;
/** Modules and tensors, shared ones counted wherever they occur. */
export const MAX_TREE_NODES = 50_000;
/** Dimensions of a tensor. */
export const MAX_DIMENSIONS = 64;
/** Characters of a module's or tensor's own name, and of a state dict's dotted names. */
const MAX_NAME = 256;
/** Characters of a class's dotted name. */
const MAX_CLASS_NAME = 1024;
/** Characters of a tree's dotted names together. */
export const MAX_NAMES = 4_000_000;

/** @throws CheckpointError for a name that no model has: paths are made of names, a level each. */
export function checkName(name: string): void {
  if (name.length > MAX_NAME) damaged(`a module or tensor has a name of ${name.length} characters`);
}

/** @throws CheckpointError for a class whose dotted name has more characters than any has. */
export function checkClassName(characters: number): void {
  if (characters > MAX_CLASS_NAME) damaged(`a class name of more than ${MAX_CLASS_NAME} characters`);
}

/**
 * What a model's tensors take as float32, in which backends hold them: tensors that share a storage become copies of
 * their own. Of whole models it is at most four times the file (int8).
 */
export class Float32Charge {
  private readonly counted = new Set<HostTensor>();

  constructor(private readonly budget: Budget) {}

  /** @throws CheckpointError beyond the budget. */
  add(tensor: HostTensor): void {
    if (this.counted.has(tensor)) return;
    this.counted.add(tensor);
    this.budget.charge(4 * elementCount(tensor.shape), "the float32 forms of tensors that share one storage");
  }
}
