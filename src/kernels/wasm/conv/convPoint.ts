/**
 * Convolution whose taps are the same offsets for every pixel: 1×1, and the stem over an input that carries its zero
 * padding. One tap is `depth` consecutive floats of K.
 *
 * A tile is a run of output pixels in one row (a 1×1 convolution is a single row of all pixels) times a block of panels.
 */

import type { Activation } from "../../../ops/attributes.js";
import { type FunctionBuilder, type I32, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, type KernelBody, kernel } from "../kernel.js";
import { activateAll, activationKey } from "../map/activations.js";
import { each } from "../map/math.js";
import { type IntegerFormat, lanesOf, rounding } from "../move/quantize.js";
import { accumulate, type GemmTile, type Numbers, TILE_ROWS } from "./gemmTile.js";
import { forPanels, panelsOfBlock } from "./panels.js";

/** A high byte of a wide weight counts 2⁷. */
const WIDE_SHIFT = 7;

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
  const whole = store ? rounding(k) : undefined;
  const vectors = tile.accumulators[0].length;
  const constants = isInteger(variant)
    ? tile.accumulators[0].map((_, v) => [f.vec(vec.load(scales, v * 16)), f.vec(vec.load(bias, v * 16))] as const)
    : [];
  const sums = tile.accumulators.flat();
  const totals = constants.length > 0 ? totalsOf(f, sums, constants) : sums;
  const active = activateAll(f, variant.activation, totals, isInteger(variant) ? "eightBits" : "float32");
  const shortcut = (i: number): Vec => vec.load(residuals[Math.floor(i / vectors)], (i % vectors) * 16);
  const values = variant.residual ? each(f, active, (value, i) => vec.add(value, shortcut(i))) : active;
  const stored = whole ? whole(values) : values;
  for (const [r, output] of outputs.entries()) {
    const row = stored.slice(r * vectors, (r + 1) * vectors);
    if (store) storeIntegers(f, output, store, row);
    else for (const [v, value] of row.entries()) f.storeVec(output, value, v * 16);
  }
}

/** Sums of integers as float32: × scale + bias. */
function totalsOf(
  f: FunctionBuilder,
  sums: readonly VecLocal[],
  constants: readonly (readonly [scale: VecLocal, bias: VecLocal])[],
): VecLocal[] {
  const vectors = constants.length;
  const floats = each(f, sums, (sum) => vec.fromI32(sum));
  return each(f, floats, (sum, i) => vec.madd(sum, ...constants[i % vectors]));
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
function raiseTile(f: FunctionBuilder, { accumulators }: GemmTile, { starts }: ColumnConstants): void {
  accumulators[0].forEach((_, v) => {
    const start = f.vec(vec.load(starts, v * 16));
    for (const row of accumulators) f.setVec(row[v], vec.addBits(vec.shiftBitsLeft(row[v], WIDE_SHIFT), start));
  });
}

const FIELDS = [
  "x",
  "xStep",
  "xRow",
  "xImage",
  "rowsPerImage",
  "width",
  "blockWidth",
  "blocksPerRow",
  "panelBlocks",
  "panelsPerBlock",
  "panels",
  "half",
  "taps",
  "tapTable",
  "depth",
  "weights",
  "panelBytes",
  "bias",
  "scales",
  "starts",
  "out",
  "outStep",
  "outRow",
  "outImage",
  "residual",
  "residualStep",
  ...STORE_FIELDS,
] as const;
export type ConvPointField = (typeof FIELDS)[number];

/** `single`: one tap at offset 0, no tap table. */
export function convPoint(variant: ConvVariant, single: boolean): Kernel<ConvPointField> {
  const { numbers = "float32", rows: tileRows = TILE_ROWS } = variant;
  return kernel(
    convKey(single ? "conv2d_point" : "conv2d_rows", variant),
    FIELDS,
    (k) => {
      const { f } = k;
      const panelBlock = f.i32(i32.remU(k.tile, k.arg("panelBlocks")));
      const position = f.i32(i32.divU(k.tile, k.arg("panelBlocks")));
      const row = f.i32(i32.divU(position, k.arg("blocksPerRow")));
      const width = k.local("width");
      const start = f.i32(i32.mul(i32.remU(position, k.arg("blocksPerRow")), k.arg("blockWidth")));
      const end = k.min(i32.add(start, k.arg("blockWidth")), width);
      const image = f.i32(i32.divU(row, k.arg("rowsPerImage")));
      const y = f.i32(i32.sub(row, i32.mul(image, k.arg("rowsPerImage"))));
      const rowOf = (base: "x" | "out"): I32 =>
        i32.add(i32.add(k.arg(base), i32.mul(image, k.arg(`${base}Image`))), i32.mul(y, k.arg(`${base}Row`)));
      const input = f.i32(rowOf("x"));
      const xStep = k.local("xStep");
      const outStep = k.local("outStep");
      const out = f.i32(rowOf("out"));
      const residual = f.i32();
      const residualStep = f.i32();
      if (variant.residual) {
        f.set(residualStep, k.arg("residualStep"));
        f.set(residual, i32.add(k.arg("residual"), i32.mul(i32.mul(row, width), residualStep)));
      }
      const bias = k.local("bias");
      const scales = k.local("scales");
      const starts = k.local("starts");
      const constants = { bias, scales, starts };
      const panels = panelsOfBlock(k, panelBlock);
      const { weights } = panels;
      const depth = k.local("depth");
      const x = f.i32();
      const pixel = f.i32();
      const lastPixel = f.i32(i32.sub(width, 1));
      const outputs = Array.from({ length: tileRows }, () => f.i32());
      const residuals = outputs.map(() => f.i32());
      const bases = outputs.map(() => f.i32());
      const tap = f.i32();
      const taps = f.i32();
      const offset = f.i32();
      forPanels(
        f,
        {
          ...panels,
          columns: [...(variant.residual ? [residual] : []), ...columnsOf(variant, constants)],
          out: { at: out, bytes: outputBytes(variant) },
          rows: tileRows,
        },
        (tile) => {
          f.for(x, start, end, tileRows, () => {
            for (let r = 0; r < tileRows; r++) {
              // Rows beyond the end compute the last pixel again and store it into the sink.
              f.set(pixel, i32.add(x, r));
              f.set(outputs[r], i32.select(i32.ltS(pixel, end), i32.add(out, i32.mul(pixel, outStep)), k.scratch));
              f.set(pixel, i32.select(i32.ltS(pixel, width), pixel, lastPixel));
              f.set(bases[r], i32.add(input, i32.mul(pixel, xStep)));
              if (variant.residual) f.set(residuals[r], i32.add(residual, i32.mul(pixel, residualStep)));
            }
            f.set(tile.weights, weights);
            startTile(f, tile, variant, constants);
            const addTaps = (): void => {
              if (single) {
                for (let r = 0; r < tileRows; r++) f.set(tile.rows[r], bases[r]);
                accumulate(f, tile, depth, variant.unroll, numbers);
                return;
              }
              f.set(tap, k.arg("tapTable"));
              f.set(taps, i32.add(tap, i32.shl(k.arg("taps"), 2)));
              f.doWhile(
                () => {
                  f.set(offset, i32.load(tap));
                  for (let r = 0; r < tileRows; r++) f.set(tile.rows[r], i32.add(bases[r], offset));
                  accumulate(f, tile, depth, variant.unroll, numbers);
                  f.increase(tap, 4);
                },
                i32.ne(tap, taps),
              );
            };
            addTaps();
            if (variant.wide) {
              raiseTile(f, tile, constants);
              addTaps();
            }
            storeTile(k, tile, variant, constants, outputs, residuals);
          });
        },
      );
    },
    { unfused: isInteger(variant) },
  );
}
