/** 3×3 convolutions of stride 1 and 2 by Winograd's algorithm, where it needs clearly fewer multiplications. */

import { invariant } from "../../../../errors.js";
import {
  matricesOf,
  PANEL,
  panelsOf,
  planesOf,
  stageWinograd,
  WINOGRAD_STRIDE_1,
  WINOGRAD_STRIDE_2,
  WINOGRAD_TILE,
  type WinogradScheme,
  winograd,
  winogradFloats,
  winogradPack,
  winogradScratch,
  winogradStagedFloats,
} from "../../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../../ops/index.js";
import { type HostTensor, numbersInPassing } from "../../../../tensor/index.js";
import { channelsOfStored, segmentsKey, storedChannels } from "../../../channels.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { type LaidWeights, packedBias } from "./gemm.js";

type Conv = NodeOf<"conv2d">;

/** Below this many channels the transforms cost more than they save. */
const LEAST_CHANNELS = 8;
/** With stride 2 the gain is small; above this many channels fourfold weights from memory cost more than it. */
const MOST_CHANNELS_STRIDE_2 = 256;
/** Floats of transformed input that a block may take in scratch memory: half of a common L2 cache, or a whole one. */
const BLOCK_FLOATS = 65536;
const MOST_BLOCK_FLOATS = 2 * BLOCK_FLOATS;
/** Tiles beyond which a block shares nothing more. */
const MOST_TILES = 24;

interface Cut {
  readonly blockTiles: number;
  readonly panelBlocks: number;
  readonly panelsPerBlock: number;
}

/**
 * Cuts tiles × panels so that threads end together: by a rough count of instructions it tries block sizes and, where a
 * map has too few tiles to share, blocks of panels, each of which then transforms the input anew.
 */
function cutWinograd(scheme: WinogradScheme, tiles: number, depth: number, panels: number, threads: number): Cut {
  const planes = planesOf(scheme);
  const fit = Math.max(8, Math.floor(MOST_BLOCK_FLOATS / (planes * depth) / 4) * 4);
  const cost = (count: number, panelCount: number): number => {
    const gather = count * depth * planes * 3;
    const rows = Math.ceil(count / 4) * 4;
    // Weights that do not stay in a cache are read again by every block.
    return gather + panelCount * planes * (rows * (depth * 3.5 + 20) + count * 40 + depth * 6);
  };
  let best: (Cut & { readonly end: number }) | undefined;
  for (const panelBlocks of threads === 1 ? [1] : [1, 2, threads, 2 * threads]) {
    if (panelBlocks > panels) continue;
    const panelsPerBlock = Math.ceil(panels / panelBlocks);
    const most = Math.min(MOST_TILES, fit, Math.ceil(tiles / 4) * 4);
    for (let blockTiles = 4; blockTiles <= most; blockTiles += 4) {
      const full = Math.floor(tiles / blockTiles) * panelBlocks;
      const rest = tiles % blockTiles;
      // Full blocks in rounds of all threads, then what is left.
      const left = full % threads;
      const tail = rest > 0 ? Math.ceil(Math.max(0, panelBlocks - (left > 0 ? threads - left : 0)) / threads) : 0;
      const end =
        Math.ceil(full / threads) * cost(blockTiles, panelsPerBlock) + tail * cost(Math.max(rest, 1), panelsPerBlock);
      if (!best || end < best.end)
        best = { blockTiles, panelBlocks: Math.ceil(panels / panelsPerBlock), panelsPerBlock, end };
    }
  }
  invariant(best, "a Winograd convolution without tiles");
  return best;
}

/**
 * The scheme that computes a convolution with fewer products, if one does. Maps of one or two rows or columns have no use for it, but
 * then every input size reads the same packed weights, and such maps are small.
 */
export function winogradScheme(lowering: Lowering, { attrs, inputs }: Conv): WinogradScheme | undefined {
  const { stride, dilation, groups } = attrs;
  const [o, c, kh, kw] = lowering.shape(inputs[1]);
  if (kh !== 3 || kw !== 3 || groups !== 1 || stride[0] !== stride[1]) return undefined;
  if (dilation[0] !== 1 || dilation[1] !== 1 || Math.min(o, c) < LEAST_CHANNELS) return undefined;
  const scheme = [WINOGRAD_STRIDE_1, WINOGRAD_STRIDE_2].find((s) => s.stride === stride[0]);
  return scheme?.stride === 2 && c > MOST_CHANNELS_STRIDE_2 ? undefined : scheme;
}

/** A 3×3 convolution as the kernel needs it. */
export interface WinogradWork {
  readonly scheme: WinogradScheme;
  readonly input: Nhwc;
  readonly output: Nhwc;
  readonly residual: Nhwc | undefined;
  readonly padding: readonly [number, number];
  readonly activation: Conv["attrs"]["activation"];
  readonly weights: LaidWeights;
  readonly outputs: number;
  /** Place of the nine weights of an output at a float of the pixel, −1 for none. */
  readonly at: (output: number, float: number) => number;
  readonly bias: HostTensor<"float32"> | undefined;
}

export function lowerWinograd(
  lowering: Lowering,
  scheme: WinogradScheme,
  node: Conv,
  input: Nhwc,
  output: Nhwc,
  residual: Nhwc | undefined,
): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const [outputs, channels] = weight.shape;
  const map = channelsOfStored(input.segments);
  emitWinograd(lowering, {
    scheme,
    input,
    output,
    residual,
    padding: attrs.padding,
    activation: attrs.activation,
    weights: { source: weight, key: segmentsKey(input.segments), data: () => numbersInPassing(weight) },
    outputs,
    at: (o, float) => (map[float] < 0 ? -1 : (o * channels + map[float]) * 9),
    bias: attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined,
  });
}

export function emitWinograd(lowering: Lowering, work: WinogradWork): void {
  const { scheme, input, output, residual, padding, activation, outputs } = work;
  const depth = storedChannels(input.segments);
  const { full, half } = panelsOf(outputs);
  const tilesX = Math.ceil(output.w / WINOGRAD_TILE);
  const tilesPerImage = tilesX * Math.ceil(output.h / WINOGRAD_TILE);
  const tiles = tilesPerImage * output.n;
  const panels = full + (half ? 1 : 0);
  const { blockTiles, panelBlocks, panelsPerBlock } = cutWinograd(
    scheme,
    tiles,
    depth,
    panels,
    lowering.options.threads,
  );
  lowering.scratchBytes = Math.max(lowering.scratchBytes, winogradScratch(scheme, blockTiles, depth));
  const view = residual ?? output;
  const { source, key, data } = work.weights;
  const weights = lowering.prepared(
    `${scheme.name} ${outputs}×${depth} ${key}`,
    [source],
    winogradFloats(scheme, outputs, depth),
    winogradStagedFloats(outputs, depth),
    (target) => stageWinograd(target, data(), outputs, depth, work.at),
    (staged, out) => ({ kernel: winogradPack(scheme), args: { x: staged, out, depth, panels: full }, tiles: panels }),
  );
  lowering.step(
    winograd(scheme, { activation, residual: residual !== undefined, unroll: 4 }),
    {
      x: { storage: input.storage, offset: input.offset },
      xPixel: input.pixelBytes,
      xRow: input.w * input.pixelBytes,
      xImage: input.h * input.w * input.pixelBytes,
      inHeight: input.h,
      inWidth: input.w,
      padY: padding[0],
      padX: padding[1],
      tilesX,
      tilesPerImage,
      tiles,
      blockTiles,
      depth,
      panelBlocks,
      panelsPerBlock,
      weights,
      panelBytes: matricesOf(scheme) * depth * PANEL * 4,
      panels: full,
      half: half ? 1 : 0,
      bias: packedBias(lowering, work.bias, 0, outputs),
      out: { storage: output.storage, offset: output.offset },
      outPixel: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      outHeight: output.h,
      outWidth: output.w,
      residual: { storage: view.storage, offset: view.offset },
      residualPixel: view.pixelBytes,
      residualRow: output.w * view.pixelBytes,
      residualImage: output.h * output.w * view.pixelBytes,
    },
    Math.ceil(tiles / blockTiles) * panelBlocks,
  );
}
