/** One GEMM step of a convolution: packed weights, the work cut into tiles, the kernel's arguments. */

import {
  type ConvVariant,
  convPoint,
  convWindow,
  convWindowScratch,
  PANEL,
  packedFloats,
  packPanels,
  panelsOf,
  TILE_ROWS,
} from "../../../../kernels/wasm/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import { NO_ROUNDING } from "../integers/view.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import type { Address } from "../storages.js";

/** Weights as a kernel's packing reads them. */
export interface LaidWeights {
  readonly source: HostTensor<"float32">;
  /** Says how they are laid out and packed: different for what is different of one source. */
  readonly key: string;
  /** Called when they are packed. */
  readonly data: () => Float32Array;
}

/** A convolution over part of the channels: what one GEMM step computes. */
export interface ConvWork {
  readonly input: Nhwc;
  /** Floats of a tap: channels that are read of each pixel, from `inputOffset` bytes on. */
  readonly depth: number;
  readonly inputOffset: number;
  readonly output: Nhwc;
  readonly outputOffset: number;
  /** Logical output channels. */
  readonly outputs: number;
  readonly residual?: { readonly view: Nhwc; readonly offset: number };
  /** Input pixel of each tap, relative to output pixel × stride. */
  readonly taps: readonly (readonly [y: number, x: number])[];
  readonly stride: readonly [number, number];
  readonly activation: ConvVariant["activation"];
  /** Place of the weight of output 0 at a tap and float of the pixel, and the step from output to output. */
  readonly weight: (tap: number, float: number) => readonly [base: number, step: number] | undefined;
  readonly weights: LaidWeights;
  readonly bias: HostTensor<"float32"> | undefined;
  readonly biasFrom: number;
  /** Which output pixels: all, or one phase of a transposed convolution. */
  readonly phase?: {
    readonly y: number;
    readonly x: number;
    readonly stepY: number;
    readonly stepX: number;
    readonly h: number;
    readonly w: number;
  };
}

/** Floats of activations that a tile should touch: they stay in the caches while the panels of weights pass. */
const TILE_FLOATS = 16384;
/** Output pixels of a tile. */
const LEAST_BLOCK = 16;
const MOST_BLOCK = 128;
/** Tiles that each thread should find in a step. */
const TILES_PER_THREAD = 6;

/** Cuts pixels × panels into tiles. @param rows of the register tile */
export function cut(
  pixels: number,
  depth: number,
  panels: number,
  threads: number,
  rows = TILE_ROWS,
): { readonly block: number; readonly panelBlocks: number; readonly panelsPerBlock: number } {
  const whole = (size: number): number => Math.ceil(size / rows) * rows;
  let block = Math.min(whole(MOST_BLOCK - rows + 1), Math.max(whole(LEAST_BLOCK), whole(TILE_FLOATS / depth)));
  const wanted = threads > 1 ? threads * TILES_PER_THREAD : 1;
  if (Math.ceil(pixels / block) < wanted) block = Math.max(whole(LEAST_BLOCK), whole(pixels / wanted));
  return { block, ...cutPanels(panels, Math.ceil(pixels / block), threads) };
}

/** Cuts panels where blocks of pixels alone are too few tiles for all threads. */
export function cutPanels(
  panels: number,
  blocks: number,
  threads: number,
): { readonly panelBlocks: number; readonly panelsPerBlock: number } {
  const wanted = threads > 1 ? threads * TILES_PER_THREAD : 1;
  const panelBlocks = Math.max(1, Math.min(Math.ceil(panels / 4), Math.ceil(wanted / blocks)));
  const panelsPerBlock = Math.ceil(panels / panelBlocks);
  return { panelBlocks: Math.ceil(panels / panelsPerBlock), panelsPerBlock };
}

/** The bias of outputs from `from` on, in whole panels. */
export function packedBias(
  lowering: Lowering,
  bias: HostTensor<"float32"> | undefined,
  from: number,
  outputs: number,
): Address {
  return lowering.constant(
    `bias ${from} ${outputs}`,
    bias ? [bias] : [],
    Math.ceil(outputs / PANEL) * PANEL,
    (target) => {
      target.fill(0);
      if (bias) target.set(bias.data.subarray(from, from + outputs));
    },
  );
}

/** For a kernel of one tap and stride 1: all pixels are a single row. */
export function singleRow(pixels: number, block: number) {
  return {
    xRow: 0,
    xImage: 0,
    rowsPerImage: 1,
    width: pixels,
    blockWidth: block,
    blocksPerRow: Math.ceil(pixels / block),
    tapTable: 0,
    outRow: 0,
    outImage: 0,
  };
}

/** One GEMM step. */
export function emitConv(lowering: Lowering, work: ConvWork): void {
  const { input, output, depth, taps, outputs } = work;
  const total = depth * taps.length;
  const { full, half } = panelsOf(outputs);
  const { source, key, data } = work.weights;
  const weights = lowering.constant(
    `panels ${outputs}×${total} ${key}`,
    [source],
    packedFloats(outputs, total),
    (target) => packPanels(target, data(), outputs, total, (k) => work.weight(Math.floor(k / depth), k % depth)),
  );
  const variant: ConvVariant = { activation: work.activation, residual: work.residual !== undefined, unroll: 4 };
  const residual = work.residual ?? { view: output, offset: 0 };
  const phase = work.phase ?? { y: 0, x: 0, stepY: 1, stepX: 1, h: output.h, w: output.w };
  const pixels = output.n * phase.h * phase.w;
  const { block, panelBlocks, panelsPerBlock } = cut(pixels, total, full + (half ? 1 : 0), lowering.options.threads);
  const tiles = Math.ceil(pixels / block) * panelBlocks;
  const shared = {
    half: half ? 1 : 0,
    panels: full,
    panelBlocks,
    panelsPerBlock,
    taps: taps.length,
    depth,
    weights,
    panelBytes: total * PANEL * 4,
    bias: packedBias(lowering, work.bias, work.biasFrom, outputs),
    scales: 0,
    starts: 0,
    ...NO_ROUNDING,
  };
  const point = taps.length === 1 && taps[0][0] === 0 && taps[0][1] === 0 && !work.phase;
  if (point && work.stride[0] === 1 && work.stride[1] === 1) {
    lowering.step(
      convPoint(variant, true),
      {
        ...shared,
        x: { storage: input.storage, offset: input.offset + work.inputOffset },
        xStep: input.pixelBytes,
        ...singleRow(pixels, block),
        out: { storage: output.storage, offset: output.offset + work.outputOffset },
        outStep: output.pixelBytes,
        residual: { storage: residual.view.storage, offset: residual.view.offset + residual.offset },
        residualStep: residual.view.pixelBytes,
      },
      tiles,
    );
    return;
  }
  const scratch = convWindowScratch(block, taps.length);
  lowering.scratchBytes = Math.max(lowering.scratchBytes, scratch);
  const place = (view: Nhwc, offset: number): Address => ({
    storage: view.storage,
    offset: view.offset + offset + (phase.y * output.w + phase.x) * view.pixelBytes,
  });
  lowering.step(
    convWindow(variant),
    {
      ...shared,
      x: { storage: input.storage, offset: input.offset + work.inputOffset },
      xPixel: input.pixelBytes,
      xRow: input.w * input.pixelBytes,
      xImage: input.h * input.w * input.pixelBytes,
      inHeight: input.h,
      inWidth: input.w,
      strideY: work.stride[0],
      strideX: work.stride[1],
      width: phase.w,
      pixelsPerImage: phase.h * phase.w,
      pixels,
      blockPixels: block,
      tapTable: lowering.table(taps.flat()),
      zeros: lowering.zeroPage(depth),
      out: place(output, work.outputOffset),
      outPixel: phase.stepX * output.pixelBytes,
      outRow: phase.stepY * output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      residual: place(residual.view, residual.offset),
      residualPixel: phase.stepX * residual.view.pixelBytes,
      residualRow: phase.stepY * output.w * residual.view.pixelBytes,
      residualImage: output.h * output.w * residual.view.pixelBytes,
    },
    tiles,
  );
}

/** Groups are merged until a block's channels are multiples of four on both sides; zeros stand between groups. */
export function groupBlock(groups: number, inPerGroup: number, outPerGroup: number): number {
  for (const merged of [1, 2, 4]) {
    if ((merged * inPerGroup) % 4 === 0 && (merged * outPerGroup) % 4 === 0) return Math.min(merged, groups);
  }
  return groups;
}
