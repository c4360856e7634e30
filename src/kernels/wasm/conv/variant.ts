/** What kernels of convolutions differ in, and the arguments that those with a register tile share. */

import type { Activation } from "../../../ops/attributes.js";
import type { I32Local } from "../emit/index.js";
import { activationKey } from "../map/activations.js";
import { type IntegerFormat, lanesOf } from "../move/quantize.js";
import { type Numbers, TILE_ROWS } from "./gemmTile.js";

export interface ConvVariant {
  readonly activation: Activation;
  /** Adds a tensor after the activation. */
  readonly residual: boolean;
  /** Steps of K per turn of the inner loop: divides the depth of a tap. */
  readonly unroll: number;
  /** Of activations and weights. Each column of integers has a factor that makes its sum float32 again. */
  readonly numbers?: Numbers;
  /** Weights of int8 are high bytes for a whole tap or all taps, then low ones: a high one counts 128. */
  readonly wide?: boolean;
  /** Writes integers of this format instead of float32. */
  readonly store?: IntegerFormat | undefined;
  /** Rows of the register tile, at most six. Default `TILE_ROWS`. */
  readonly rows?: number;
}

export function isInteger({ numbers = "float32" }: ConvVariant): boolean {
  return numbers !== "float32";
}

export function convKey(name: string, variant: ConvVariant): string {
  const { activation, residual, unroll, numbers = "float32", wide, store, rows = TILE_ROWS } = variant;
  const parts = [
    name,
    ...(numbers === "float32" ? [] : [numbers]),
    ...(wide ? ["wide"] : []),
    activationKey(activation),
    ...(residual ? ["+residual"] : []),
    ...(store ? [`→ ${store}`] : []),
    `k${unroll}`,
    ...(rows === TILE_ROWS ? [] : [`r${rows}`]),
  ];
  return parts.join(" ");
}

/** Of the tile's columns: where their biases are and, for integers, their factors and, for int8, what sums start from. */
export interface ColumnConstants {
  readonly bias: I32Local;
  readonly scales: I32Local;
  readonly starts: I32Local;
}

/** Those that a variant reads, to be moved on from panel to panel. */
export function columnsOf(variant: ConvVariant, { bias, scales, starts }: ColumnConstants): I32Local[] {
  return [bias, ...(isInteger(variant) ? [scales] : []), ...(variant.numbers === "int8" ? [starts] : [])];
}

/** Fields of kernels that may write integers. */
export const STORE_FIELDS = ["inverse", "low", "high", "offset"] as const;

/** Where outputs go, and what is added to them is, in kernels that know rows and columns. */
export const PLACE_FIELDS = [
  "out",
  "outPixel",
  "outRow",
  "outImage",
  "residual",
  "residualPixel",
  "residualRow",
  "residualImage",
] as const;

/** Bytes of an output. */
export const outputBytes = ({ store }: ConvVariant): number => (store ? 4 / lanesOf(store) : 4);
