/**
 * Zeros in patterns that hardware and formats for sparse weights ask for. Weights of a convolution are a matrix here, as where it is
 * multiplied: rows are output channels, columns are input channels, one matrix for each place of the kernel.
 */

import type { Pieces } from "../../breathe.js";
import { OptionError } from "../../errors.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { roundHalfEven } from "../../yolov5/output/boxes.js";
import { smallestIndexPieces } from "./smallest.js";
import { convolutionWeights, maskedPieces, type UnstructuredResult } from "./unstructured.js";

/** Of each group of `of` input channels in a row, the `keep` largest weights stay (Mishra et al. 2021: 2 of 4). */
export interface GroupPattern {
  readonly keep: number;
  readonly of: number;
}

/** The blocks with the smallest mean squares become zero, of all convolutions together. */
export interface BlockPattern {
  /** Of the blocks, 0 to 1. */
  readonly share: number;
  /** Output and input channels of a block. Where channels are no multiple, blocks at the edge are smaller. */
  readonly block: readonly [outputs: number, inputs: number];
}

export type Pattern = GroupPattern | BlockPattern;

export interface PatternResult extends UnstructuredResult {
  /** Number of convolutions that keep all weights, because their channels do not fit the pattern. */
  readonly dense: number;
}

/**
 * Zeroes the weights of all convolutions that a pattern leaves out; tensors keep their types.
 * @throws OptionError for a pattern that makes no sense.
 */
export function* prunePatternPieces(module: ModuleNode, pattern: Pattern): Pieces<PatternResult> {
  const weights = convolutionWeights(module);
  const masks = yield* "of" in pattern ? groupMaskPieces(weights, pattern) : blockMaskPieces(weights, pattern);
  const dense = "of" in pattern ? masks.filter((mask) => !mask.includes(0)).length : 0;
  return { ...(yield* maskedPieces(module, weights, masks)), dense };
}

/** A weight as matrices: where element (row, column) of the one at `place` lies. */
interface Matrices {
  readonly rows: number;
  readonly columns: number;
  readonly places: number;
}

function matricesOf({ shape }: HostTensor): Matrices {
  const [rows, columns, kh, kw] = shape;
  return { rows, columns, places: kh * kw };
}

/**
 * Masks, 1 where a weight stays. Convolutions whose input channels are no multiple of `of` (the first one, depthwise ones) stay dense.
 * Of equal weights the first ones stay.
 * @throws OptionError for a pattern that keeps nothing or everything.
 */
export function* groupMaskPieces(weights: readonly HostTensor[], { keep, of }: GroupPattern): Pieces<Uint8Array[]> {
  if (!(Number.isInteger(keep) && Number.isInteger(of) && keep > 0 && keep < of)) {
    throw new OptionError(`prune: the pattern ${keep}:${of} must keep some of each group, as 2:4 does`);
  }
  const masks: Uint8Array[] = [];
  for (const weight of weights) {
    const { rows, columns, places } = matricesOf(weight);
    const { data } = toFloat32(weight);
    const mask = new Uint8Array(data.length).fill(1);
    masks.push(mask);
    for (let first = 0; columns % of === 0 && first < rows * columns * places; first += of * places) {
      for (let place = 0; place < places; place++) {
        const group = Array.from({ length: of }, (_, i) => first + i * places + place);
        group.sort((a, b) => Math.abs(data[b]) - Math.abs(data[a]));
        for (const at of group.slice(keep)) mask[at] = 0;
      }
    }
    yield;
  }
  return masks;
}

/**
 * Masks, 1 where a weight stays: `round(share × blocks)` blocks are zero (half to even).
 * @throws OptionError for a share outside [0, 1], or a block without channels.
 */
export function* blockMaskPieces(weights: readonly HostTensor[], { share, block }: BlockPattern): Pieces<Uint8Array[]> {
  if (!(share >= 0 && share <= 1)) throw new OptionError(`prune: the share ${share} must be between 0 and 1`);
  if (!block.every((side) => Number.isInteger(side) && side > 0)) {
    throw new OptionError(`prune: a block of ${block.join("x")} must have whole numbers of channels above 0`);
  }
  const [height, width] = block;
  const sizes: number[] = [];
  /** Calls back for each block of a weight with the places of its elements. */
  const each = ({ rows, columns, places }: Matrices, visit: (elements: readonly number[]) => void): void => {
    for (let place = 0; place < places; place++) {
      for (let row = 0; row < rows; row += height) {
        for (let column = 0; column < columns; column += width) {
          const elements: number[] = [];
          for (let r = row; r < Math.min(rows, row + height); r++) {
            for (let c = column; c < Math.min(columns, column + width); c++) {
              elements.push((r * columns + c) * places + place);
            }
          }
          visit(elements);
        }
      }
    }
  };
  for (const weight of weights) {
    const { data } = toFloat32(weight);
    each(matricesOf(weight), (elements) => {
      sizes.push(elements.reduce((sum, at) => sum + data[at] ** 2, 0) / elements.length);
    });
    yield;
  }
  const zeroed = new Uint8Array(sizes.length);
  for (const i of yield* smallestIndexPieces(Float32Array.from(sizes), roundHalfEven(share * sizes.length)))
    zeroed[i] = 1;
  let next = 0;
  const masks: Uint8Array[] = [];
  for (const weight of weights) {
    const mask = new Uint8Array(weight.data.length).fill(1);
    masks.push(mask);
    each(matricesOf(weight), (elements) => {
      if (zeroed[next++] === 1) for (const at of elements) mask[at] = 0;
    });
    yield;
  }
  return masks;
}
