/** What is before and after the sums of a register tile: what they start from, and their way into memory. */

import { type FunctionBuilder, type I32Local, type VecLocal, vec } from "../emit/index.js";
import type { KernelBody } from "../kernel.js";
import { activateAll } from "../map/activations.js";
import { each } from "../map/math.js";
import { type IntegerFormat, rounding } from "../move/quantize.js";
import type { GemmTile } from "./gemmTile.js";
import { type ColumnConstants, type ConvVariant, isInteger, type STORE_FIELDS } from "./variant.js";

/** A high byte of a wide weight counts 2⁷. */
const WIDE_SHIFT = 7;

/** Activation, residual and store of one register tile, all of its vectors side by side (`activateAll`). */
export function storeTile<Field extends string>(
  k: KernelBody<Field | (typeof STORE_FIELDS)[number]>,
  tile: GemmTile,
  variant: ConvVariant,
  { bias, scales }: ColumnConstants,
  outputs: readonly I32Local[],
  residuals: readonly I32Local[],
): void {
  const { f } = k;
  const { store } = variant;
  const { kind } = variant.activation;
  // Narrowing to bytes clamps all that is needed of SiLU, which is never far below 0: what is too large for rounding stays large.
  const whole = store ? rounding(k, store === "int16" || variant.residual || kind !== "silu") : undefined;
  const vectors = tile.accumulators[0].length;
  const constants = isInteger(variant)
    ? tile.accumulators[0].map((_, v) => [f.vec(vec.load(scales, v * 16)), f.vec(vec.load(bias, v * 16))] as const)
    : [];
  const sums = tile.accumulators.flat();
  const totals = isInteger(variant)
    ? each(f, sums, (sum, i) => vec.madd(vec.fromI32(sum), ...constants[i % vectors]))
    : sums;
  const active = activateAll(f, variant.activation, totals, isInteger(variant) ? "eightBits" : "float32");
  const values = variant.residual
    ? each(f, active, (value, i) => vec.add(value, vec.load(residuals[Math.floor(i / vectors)], (i % vectors) * 16)))
    : active;
  const stored = whole ? whole(values) : values;
  for (const [r, output] of outputs.entries()) {
    const row = stored.slice(r * vectors, (r + 1) * vectors);
    if (store) storeIntegers(f, output, store, row);
    else for (const [v, value] of row.entries()) f.storeVec(output, value, v * 16);
  }
}

/** Four or eight int32 lanes as numbers of a format. */
function storeIntegers(f: FunctionBuilder, out: I32Local, format: IntegerFormat, lanes: readonly VecLocal[]): void {
  const halves = f.vec(vec.narrowI32(lanes[0], lanes[lanes.length - 1]));
  const bytes = lanes.length * 2 * (format === "int16" ? 4 : 2);
  if (format === "int16") f.storePart(out, halves, bytes as 8 | 16);
  else f.storePart(out, vec.narrowI16[format](halves, halves), bytes as 4 | 8);
}

/**
 * All accumulators set to the bias; where integers are summed, to 0, or with bytes that contain their zero point to what
 * takes it out of the sum.
 */
export function startTile(
  f: FunctionBuilder,
  tile: GemmTile,
  { numbers = "float32", wide }: ConvVariant,
  { bias, starts }: ColumnConstants,
): void {
  tile.accumulators[0].forEach((_, v) => {
    const load = numbers === "int16" || wide ? vec.splat(0) : vec.load(numbers === "int8" ? starts : bias, v * 16);
    const start = f.vec(load);
    for (const row of tile.accumulators) f.setVec(row[v], start);
  });
}

/** Between the two turns of wide weights: sums of high bytes count 128, and what `startTile` left out is added. */
export function raiseTile(f: FunctionBuilder, { accumulators }: GemmTile, { starts }: ColumnConstants): void {
  accumulators[0].forEach((_, v) => {
    const start = f.vec(vec.load(starts, v * 16));
    for (const row of accumulators) f.setVec(row[v], vec.addBits(vec.shiftBitsLeft(row[v], WIDE_SHIFT), start));
  });
}
