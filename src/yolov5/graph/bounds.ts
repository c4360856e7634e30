/** Limits on a model's declared sizes, each far beyond any real model (see the table in `docs/hostile-files.md`). */

import { GraphError } from "../../errors.js";

/** Numbered layers. */
export const MAX_LAYERS = 1000;
/** Inputs of one layer. */
export const MAX_SOURCES = 64;
/** Entries in a list of strides, one per level. */
export const MAX_FACTS = 64;
const MAX_CLASSES = 65_536;
/** Input pixels per cell: input sides are rounded up to multiples of it. */
const MAX_STRIDE = 128;
const MAX_ANCHORS = 64;

/** @throws GraphError for more classes than any data set has. */
export function checkClasses(classes: number, path: string): void {
  if (classes > MAX_CLASSES) {
    throw new GraphError(`${path}: ${classes} classes, more than ${MAX_CLASSES}; the file is damaged or hostile`, {
      path,
      classes,
    });
  }
}

/** @throws GraphError for strides that are not positive numbers of at most 128. */
export function checkStrides(strides: readonly number[], path: string): void {
  const odd = strides.find((stride) => !(stride > 0 && stride <= MAX_STRIDE));
  if (odd !== undefined) {
    throw new GraphError(`${path}: stride ${odd} is not within 0 to ${MAX_STRIDE}; the file is damaged or hostile`, {
      path,
      stride: odd,
    });
  }
}

/** @throws GraphError for more than 64 anchors per level. */
export function checkAnchors(numbers: number, levels: number, path: string): void {
  if (numbers > 2 * MAX_ANCHORS * levels) {
    throw new GraphError(
      `${path}: ${numbers} numbers of anchors for ${levels} levels; at most ${MAX_ANCHORS} anchors per level are allowed`,
      {
        path,
        numbers,
      },
    );
  }
}
