/** The three ways in which an integer convolution walks over its input: rows of the kernel, single pixels, any window. */

import {
  type ConvVariant,
  convPoint,
  convWindow,
  convWindowScratch,
  type IntegerFormat,
} from "../../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../../ops/index.js";
import { cut, cutPanels, singleRow } from "../conv/gemm.js";
import type { Lowering } from "../lowering.js";
import type { Argument } from "../steps.js";
import type { Address } from "../storages.js";
import type { IntegerView, RoundingArguments } from "./view.js";
import { rowWords, UNROLL, unrollOf } from "./weights.js";

/** Output pixels of a tile in rows. */
export const BLOCK = 80;

/** Where a convolution writes, and what. */
export interface Output extends Pick<IntegerView, "n" | "h" | "w" | "pixelBytes" | "rowBytes" | "imageBytes"> {
  readonly address: Address;
  readonly store: IntegerFormat | undefined;
  readonly rounding: RoundingArguments;
}

/** What all ways to walk over the input have in common. */
export interface IntegerWork {
  readonly lowering: Lowering;
  readonly node: NodeOf<"conv2d">;
  readonly input: IntegerView;
  readonly output: Output;
  /** Bytes of a pixel of the residual. */
  readonly residual: number;
  readonly shared: Readonly<
    Record<keyof RoundingArguments | "panels" | "half" | "bias" | "x" | "out" | "residual", Argument>
  >;
  readonly panels: number;
  readonly kh: number;
  readonly kw: number;
  readonly lanes: 2 | 4;
}

/** Those that multiply the numbers as they are. */
export interface Gemm extends IntegerWork {
  readonly shared: IntegerWork["shared"] & Readonly<Record<"weights" | "panelBytes" | "scales" | "starts", Argument>>;
}
/** @param width of a row of output pixels */
export type VariantOf = (width: number, unroll: number) => ConvVariant;

/** Each row of the kernel is one tap: consecutive numbers of consecutive pixels. */
export function lowerRows(
  { lowering, node, input, output, residual, shared, panels, kh, kw, lanes }: Gemm,
  of: VariantOf,
): void {
  const { stride, dilation } = node.attrs;
  const { n, channels, pixelBytes, rowBytes, imageBytes } = input;
  const depth = rowWords(kw * channels, lanes);
  const blockWidth = Math.min(BLOCK, output.w);
  const blocksPerRow = Math.ceil(output.w / blockWidth);
  const blocks = n * output.h * blocksPerRow;
  const { panelBlocks, panelsPerBlock } = cutPanels(panels, blocks, lowering.options.threads);
  const offsets = Array.from({ length: kh }, (_, y) => y * dilation[0] * rowBytes);
  lowering.step(
    convPoint(of(blockWidth, unrollOf(depth)), false),
    {
      ...shared,
      panelBlocks,
      panelsPerBlock,
      outStep: output.pixelBytes,
      outRow: output.rowBytes,
      outImage: output.imageBytes,
      residualStep: residual,
      xStep: stride[1] * pixelBytes,
      xRow: stride[0] * rowBytes,
      xImage: imageBytes,
      rowsPerImage: output.h,
      width: output.w,
      blockWidth,
      blocksPerRow,
      taps: kh,
      tapTable: lowering.table(offsets),
      depth,
    },
    blocks * panelBlocks,
  );
}

/** 1×1: a single row of all pixels. */
export function lowerPoint({ lowering, input, output, residual, shared, panels, lanes }: Gemm, of: VariantOf): void {
  const pixels = output.n * output.h * output.w;
  const depth = input.channels / lanes;
  const variant = of(pixels, UNROLL);
  const { block, panelBlocks, panelsPerBlock } = cut(pixels, depth, panels, lowering.options.threads, variant.rows);
  lowering.step(
    convPoint(variant, true),
    {
      ...shared,
      panelBlocks,
      panelsPerBlock,
      ...singleRow(pixels, block),
      outStep: output.pixelBytes,
      residualStep: residual,
      xStep: input.pixelBytes,
      taps: 1,
      depth,
    },
    Math.ceil(pixels / block) * panelBlocks,
  );
}

/** Where outputs go, and what is added to them is. @param residual bytes of its pixels */
export function placesOf(output: IntegerWork["output"], residual: number) {
  return {
    outPixel: output.pixelBytes,
    outRow: output.rowBytes,
    outImage: output.imageBytes,
    residualPixel: residual,
    residualRow: output.w * residual,
    residualImage: output.h * output.w * residual,
  };
}

/** Any kernel: each tap by its address. The border of the input makes checks needless. */
export function lowerWindow(
  { lowering, node, input, output, residual, shared, panels, kh, kw, lanes }: Gemm,
  of: VariantOf,
): void {
  const { stride, padding, dilation } = node.attrs;
  const { n, h, w, channels, pixelBytes, rowBytes, imageBytes } = input;
  const taps = kh * kw;
  const pixels = n * output.h * output.w;
  const variant = of(pixels, UNROLL);
  const depth = channels / lanes;
  const { threads } = lowering.options;
  const { block, panelBlocks, panelsPerBlock } = cut(pixels, taps * depth, panels, threads, variant.rows);
  lowering.scratchBytes = Math.max(lowering.scratchBytes, convWindowScratch(block, taps, variant.rows));
  const offsets = Array.from({ length: taps }, (_, tap) => [
    Math.floor(tap / kw) * dilation[0],
    (tap % kw) * dilation[1],
  ]).flat();
  lowering.step(
    convWindow(variant),
    {
      ...shared,
      panelBlocks,
      panelsPerBlock,
      taps,
      depth,
      xPixel: pixelBytes,
      xRow: rowBytes,
      xImage: imageBytes,
      inHeight: h + 2 * padding[0],
      inWidth: w + 2 * padding[1],
      strideY: stride[0],
      strideX: stride[1],
      width: output.w,
      pixelsPerImage: output.h * output.w,
      pixels,
      blockPixels: block,
      tapTable: lowering.table(offsets),
      zeros: 0,
      ...placesOf(output, residual),
    },
    Math.ceil(pixels / block) * panelBlocks,
  );
}
