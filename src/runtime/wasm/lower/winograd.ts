/** 3×3 convolutions of stride 1 and 2 by Winograd's algorithm, where it needs clearly fewer multiplications. */

import {
  matricesOf,
  PANEL,
  panelsOf,
  planesOf,
  WINOGRAD_STRIDE_1,
  WINOGRAD_STRIDE_2,
  WINOGRAD_TILE,
  type WinogradScheme,
  winograd,
  winogradFloats,
  winogradScratch,
  winogradWeights,
} from "../../../kernels/wasm/index.js";
import type { NodeOf } from "../../../ops/index.js";
import { channelMap, type Nhwc, physicalChannels } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { packedBias } from "./gemm.js";

type Conv = NodeOf<"conv2d">;

/** Below this many channels the transforms cost more than they save. */
const LEAST_CHANNELS = 8;
/** Products of Winograd over products of the direct kernel above which it does not pay. */
const LARGEST_SHARE = 0.7;
/** Floats of transformed input that a block should take in scratch memory: half of a common L2 cache. */
const BLOCK_FLOATS = 65536;
/** Tiles of a block: enough to share each pass over the weights, no more than help. */
const LEAST_TILES = 12;
const MOST_TILES = 24;

/** The scheme that computes a convolution with fewer products, if one does. */
export function winogradScheme(lowering: Lowering, { attrs, inputs, outputs }: Conv): WinogradScheme | undefined {
  const { stride, dilation, groups } = attrs;
  const [o, c, kh, kw] = lowering.shape(inputs[1]);
  if (kh !== 3 || kw !== 3 || groups !== 1 || stride[0] !== stride[1]) return undefined;
  if (dilation[0] !== 1 || dilation[1] !== 1 || Math.min(o, c) < LEAST_CHANNELS) return undefined;
  const scheme = [WINOGRAD_STRIDE_1, WINOGRAD_STRIDE_2].find((s) => s.stride === stride[0]);
  if (!scheme) return undefined;
  const [, , h, w] = lowering.shape(outputs[0]);
  const tiles = Math.ceil(h / WINOGRAD_TILE) * Math.ceil(w / WINOGRAD_TILE);
  return tiles * planesOf(scheme) <= LARGEST_SHARE * 9 * h * w ? scheme : undefined;
}

/** A 3×3 convolution as the kernel needs it. */
export interface WinogradWork {
  readonly scheme: WinogradScheme;
  readonly input: Nhwc;
  readonly output: Nhwc;
  readonly residual: Nhwc | undefined;
  readonly padding: readonly [number, number];
  readonly activation: Conv["attrs"]["activation"];
  readonly weights: Float32Array;
  readonly outputs: number;
  /** Place of the nine weights of an output at a float of the pixel, −1 for none. */
  readonly at: (output: number, float: number) => number;
  readonly bias: Float32Array | undefined;
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
  const map = channelMap(input.segments);
  emitWinograd(lowering, {
    scheme,
    input,
    output,
    residual,
    padding: attrs.padding,
    activation: attrs.activation,
    weights: weight.data,
    outputs,
    at: (o, float) => (map[float] < 0 ? -1 : (o * channels + map[float]) * 9),
    bias: attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined,
  });
}

export function emitWinograd(lowering: Lowering, work: WinogradWork): void {
  const { scheme, input, output, residual, padding, activation, outputs } = work;
  const depth = physicalChannels(input.segments);
  const { full, half } = panelsOf(outputs);
  const tilesX = Math.ceil(output.w / WINOGRAD_TILE);
  const tilesPerImage = tilesX * Math.ceil(output.h / WINOGRAD_TILE);
  const tiles = tilesPerImage * output.n;
  const fit = Math.min(MOST_TILES, Math.max(LEAST_TILES, Math.floor(BLOCK_FLOATS / (planesOf(scheme) * depth))));
  // Equal blocks, as many as threads can share evenly.
  const { threads } = lowering.options;
  const blocks = Math.ceil(Math.ceil(tiles / fit) / threads) * threads;
  const blockTiles = Math.ceil(tiles / blocks / 4) * 4;
  lowering.scratchBytes = Math.max(lowering.scratchBytes, winogradScratch(scheme, blockTiles, depth));
  const view = residual ?? output;
  lowering.step(
    winograd(scheme, { activation, residual: residual !== undefined, unroll: 4 }),
    {
      x: { block: input.block, offset: input.offset },
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
      weights: lowering.constant(winogradFloats(scheme, outputs, depth), (target) =>
        winogradWeights(scheme, target, work.weights, outputs, depth, work.at),
      ),
      panelBytes: matricesOf(scheme) * depth * PANEL * 4,
      panels: full,
      half: half ? 1 : 0,
      bias: packedBias(lowering, work.bias, 0, outputs),
      out: { block: output.block, offset: output.offset },
      outPixel: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      outHeight: output.h,
      outWidth: output.w,
      residual: { block: view.block, offset: view.offset },
      residualPixel: view.pixelBytes,
      residualRow: output.w * view.pixelBytes,
      residualImage: output.h * output.w * view.pixelBytes,
    },
    Math.ceil(tiles / blockTiles),
  );
}
