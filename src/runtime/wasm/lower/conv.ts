/** conv2d and convTranspose2d as GEMM kernels: which kernel, how weights are packed, how the work is cut into tiles. */

import {
  type ConvVariant,
  convPoint,
  convWindow,
  convWindowScratch,
  depthwise,
  PANEL,
  packedFloats,
  packPanels,
  panelsOf,
} from "../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../ops/index.js";
import type { Address } from "../blocks.js";
import { channelMap, type Nhwc, physicalChannels } from "../layout.js";
import type { Lowering } from "../lowering.js";

type Conv = NodeOf<"conv2d">;
type Transpose = NodeOf<"convTranspose2d">;

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
  readonly weights: Float32Array;
  readonly bias: Float32Array | undefined;
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
/** Tiles that each thread should find in a step. */
const TILES_PER_THREAD = 6;

/** Cuts pixels × panels into tiles. */
export function cut(
  pixels: number,
  depth: number,
  panels: number,
  threads: number,
): { readonly block: number; readonly panelBlocks: number; readonly panelsPerBlock: number } {
  let block = Math.min(128, Math.max(16, Math.ceil(TILE_FLOATS / depth / 4) * 4));
  const wanted = threads > 1 ? threads * TILES_PER_THREAD : 1;
  if (Math.ceil(pixels / block) < wanted) block = Math.max(16, Math.ceil(pixels / wanted / 4) * 4);
  const blocks = Math.ceil(pixels / block);
  const panelBlocks = Math.max(1, Math.min(Math.ceil(panels / 4), Math.ceil(wanted / blocks)));
  const panelsPerBlock = Math.ceil(panels / panelBlocks);
  return { block, panelBlocks: Math.ceil(panels / panelsPerBlock), panelsPerBlock };
}

export function packedBias(lowering: Lowering, bias: Float32Array | undefined, from: number, outputs: number): Address {
  return lowering.constant(Math.ceil(outputs / PANEL) * PANEL, (target) => {
    target.fill(0);
    if (bias) target.set(bias.subarray(from, from + outputs));
  });
}

/** One GEMM step. */
export function emitConv(lowering: Lowering, work: ConvWork): void {
  const { input, output, depth, taps, outputs } = work;
  const total = depth * taps.length;
  const { full, half } = panelsOf(outputs);
  const weights = lowering.constant(packedFloats(outputs, total), (target) =>
    packPanels(target, work.weights, outputs, total, (k) => work.weight(Math.floor(k / depth), k % depth)),
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
  };
  const plain = taps.length === 1 && taps[0][0] === 0 && taps[0][1] === 0 && !work.phase;
  if (plain && work.stride[0] === 1 && work.stride[1] === 1) {
    lowering.step(
      convPoint(variant, true),
      {
        ...shared,
        x: { block: input.block, offset: input.offset + work.inputOffset },
        xStep: input.pixelBytes,
        xRow: 0,
        xImage: 0,
        rowsPerImage: 1,
        width: pixels,
        blockWidth: block,
        blocksPerRow: Math.ceil(pixels / block),
        tapTable: 0,
        out: { block: output.block, offset: output.offset + work.outputOffset },
        outStep: output.pixelBytes,
        residual: { block: residual.view.block, offset: residual.view.offset + residual.offset },
        residualStep: residual.view.pixelBytes,
      },
      tiles,
    );
    return;
  }
  const scratch = convWindowScratch(block, taps.length);
  lowering.scratchBytes = Math.max(lowering.scratchBytes, scratch);
  const place = (view: Nhwc, offset: number): Address => ({
    block: view.block,
    offset: view.offset + offset + (phase.y * output.w + phase.x) * view.pixelBytes,
  });
  lowering.step(
    convWindow(variant),
    {
      ...shared,
      x: { block: input.block, offset: input.offset + work.inputOffset },
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

export function lowerConv(lowering: Lowering, node: Conv): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
  const [outputs, perGroup, kh, kw] = weight.shape;
  const { groups } = attrs;
  const taps = tapsOf(kh, kw, attrs.dilation, attrs.padding);
  const [id] = node.outputs;
  const input = groups === 1 ? lowering.nhwc(node.inputs[0]) : lowering.compact(node.inputs[0]);
  const residualId = node.inputs[node.inputs.length - 1];
  const residual = attrs.hasResidual ? lowering.compact(residualId) : undefined;
  const output = lowering.outputNhwc(id);
  if (groups === outputs && perGroup === 1 && groups > 1) {
    lowerDepthwise(lowering, node, input, output, residual);
    return;
  }
  const outPerGroup = outputs / groups;
  const merged = groups === 1 ? 1 : groupBlock(groups, perGroup, outPerGroup);
  for (let first = 0; first < groups; first += merged) {
    const here = Math.min(merged, groups - first);
    const map = groups === 1 ? channelMap(input.segments) : undefined;
    const outputFrom = first * outPerGroup;
    emitConv(lowering, {
      input,
      depth: groups === 1 ? physicalChannels(input.segments) : Math.ceil((here * perGroup) / 4) * 4,
      inputOffset: first * perGroup * 4,
      output,
      outputOffset: outputFrom * 4,
      outputs: here * outPerGroup,
      ...(residual ? { residual: { view: residual, offset: outputFrom * 4 } } : {}),
      taps,
      stride: attrs.stride,
      activation: attrs.activation,
      weights: here === 1 ? weight.data : blockDiagonal(weight.data, first, here, outPerGroup, perGroup, kh * kw),
      weight: (tap, float) => {
        const width = here * perGroup;
        const channel = map ? map[float] : float < width ? float : -1;
        if (channel < 0) return undefined;
        const base = here === 1 ? outputFrom * perGroup * kh * kw : 0;
        return [base + channel * kh * kw + tap, width * kh * kw];
      },
      bias,
      biasFrom: outputFrom,
    });
  }
}

/** OIHW weights of several groups as one group: zeros where output and input belong to different groups. */
function blockDiagonal(
  source: Float32Array,
  first: number,
  groups: number,
  outPerGroup: number,
  inPerGroup: number,
  area: number,
): Float32Array {
  const width = groups * inPerGroup;
  const merged = new Float32Array(groups * outPerGroup * width * area);
  for (let o = 0; o < groups * outPerGroup; o++) {
    const group = Math.floor(o / outPerGroup);
    const from = (first * outPerGroup + o) * inPerGroup * area;
    merged.set(source.subarray(from, from + inPerGroup * area), (o * width + group * inPerGroup) * area);
  }
  return merged;
}

function tapsOf(
  kh: number,
  kw: number,
  dilation: readonly [number, number],
  padding: readonly [number, number],
): [number, number][] {
  const taps: [number, number][] = [];
  for (let y = 0; y < kh; y++) {
    for (let x = 0; x < kw; x++) taps.push([y * dilation[0] - padding[0], x * dilation[1] - padding[1]]);
  }
  return taps;
}

function lowerDepthwise(lowering: Lowering, node: Conv, input: Nhwc, output: Nhwc, residual: Nhwc | undefined): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const [channels, , kh, kw] = weight.shape;
  const padded = Math.ceil(channels / 4) * 4;
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
  const weights = lowering.constant(kh * kw * padded, (target) => {
    target.fill(0);
    for (let tap = 0; tap < kh * kw; tap++) {
      for (let c = 0; c < channels; c++) target[tap * padded + c] = weight.data[c * kh * kw + tap];
    }
  });
  const view = residual ?? output;
  lowering.step(
    depthwise({ activation: attrs.activation, residual: residual !== undefined, unroll: 1 }),
    {
      x: { block: input.block, offset: input.offset },
      xPixel: input.pixelBytes,
      xRow: input.w * input.pixelBytes,
      xImage: input.h * input.w * input.pixelBytes,
      inHeight: input.h,
      inWidth: input.w,
      strideY: attrs.stride[0],
      strideX: attrs.stride[1],
      padY: attrs.padding[0],
      padX: attrs.padding[1],
      dilationY: attrs.dilation[0],
      dilationX: attrs.dilation[1],
      kernelY: kh,
      kernelX: kw,
      height: output.h,
      width: output.w,
      channels: padded,
      out: { block: output.block, offset: output.offset },
      outPixel: output.pixelBytes,
      weights,
      bias: packedBias(lowering, bias, 0, channels),
      residual: { block: view.block, offset: view.offset },
      residualPixel: view.pixelBytes,
    },
    output.n * output.h,
  );
}

/**
 * A transposed convolution, one phase of the output (y mod stride, x mod stride) at a time: each is a convolution of
 * stride 1 with the taps that reach that phase.
 */
export function lowerConvTranspose(lowering: Lowering, node: Transpose): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
  const [inChannels, outPerGroup, kh, kw] = weight.shape;
  const { groups, stride, padding, dilation } = attrs;
  const inPerGroup = inChannels / groups;
  const input = lowering.compact(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const merged = groups === 1 ? 1 : groupBlock(groups, inPerGroup, outPerGroup);
  for (let first = 0; first < groups; first += merged) {
    const here = Math.min(merged, groups - first);
    // As OIHW of one group: output o, input c.
    const width = here * inPerGroup;
    const outputs = here * outPerGroup;
    const dense = new Float32Array(outputs * width * kh * kw);
    for (let c = 0; c < width; c++) {
      const group = Math.floor(c / inPerGroup);
      for (let o = 0; o < outPerGroup; o++) {
        const from = ((first * inPerGroup + c) * outPerGroup + o) * kh * kw;
        dense.set(weight.data.subarray(from, from + kh * kw), ((group * outPerGroup + o) * width + c) * kh * kw);
      }
    }
    for (let y = 0; y < Math.min(stride[0], output.h); y++) {
      for (let x = 0; x < Math.min(stride[1], output.w); x++) {
        const kept: { tap: number; at: [number, number] }[] = [];
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const dy = y + padding[0] - ky * dilation[0];
            const dx = x + padding[1] - kx * dilation[1];
            if (dy % stride[0] !== 0 || dx % stride[1] !== 0) continue;
            kept.push({ tap: ky * kw + kx, at: [dy / stride[0], dx / stride[1]] });
          }
        }
        // No tap reaches this phase: one that always falls outside, so that bias and activation are still written.
        if (kept.length === 0) kept.push({ tap: 0, at: [-(2 ** 20), -(2 ** 20)] });
        emitConv(lowering, {
          input,
          depth: Math.ceil(width / 4) * 4,
          inputOffset: first * inPerGroup * 4,
          output,
          outputOffset: first * outPerGroup * 4,
          outputs,
          taps: kept.map(({ at }) => at),
          stride: [1, 1],
          activation: attrs.activation,
          weights: dense,
          weight: (tap, float) => (float < width ? [float * kh * kw + kept[tap].tap, width * kh * kw] : undefined),
          bias,
          biasFrom: first * outPerGroup,
          phase: {
            y,
            x,
            stepY: stride[0],
            stepX: stride[1],
            h: Math.ceil((output.h - y) / stride[0]),
            w: Math.ceil((output.w - x) / stride[1]),
          },
        });
      }
    }
  }
}
