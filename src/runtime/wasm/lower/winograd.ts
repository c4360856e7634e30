/** 3×3 convolutions of stride 1 by Winograd's algorithm, where it needs clearly fewer multiplications. */

import {
  PANEL,
  panelsOf,
  WINOGRAD_TILE,
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
const LARGEST_SHARE = 0.55;
/** Floats of transformed input that a block may take in scratch memory: half of a common L2 cache. */
const BLOCK_FLOATS = 65536;
const MOST_TILES = 48;

export function suitsWinograd({ attrs }: Conv, input: Nhwc, output: Nhwc): boolean {
  const { stride, dilation, groups } = attrs;
  if (groups !== 1 || stride[0] !== 1 || stride[1] !== 1 || dilation[0] !== 1 || dilation[1] !== 1) return false;
  const channels = Math.min(physicalChannels(input.segments), physicalChannels(output.segments));
  if (channels < LEAST_CHANNELS) return false;
  const tiles = Math.ceil(output.h / WINOGRAD_TILE) * Math.ceil(output.w / WINOGRAD_TILE);
  return tiles * 36 <= LARGEST_SHARE * 9 * output.h * output.w;
}

export function lowerWinograd(
  lowering: Lowering,
  node: Conv,
  input: Nhwc,
  output: Nhwc,
  residual: Nhwc | undefined,
): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
  const [outputs, channels] = weight.shape;
  const depth = physicalChannels(input.segments);
  const map = channelMap(input.segments);
  const { full, half } = panelsOf(outputs);
  const tilesX = Math.ceil(output.w / WINOGRAD_TILE);
  const tilesPerImage = tilesX * Math.ceil(output.h / WINOGRAD_TILE);
  const tiles = tilesPerImage * output.n;
  const fit = Math.min(MOST_TILES, Math.max(8, Math.floor(BLOCK_FLOATS / (36 * depth))));
  // Equal blocks, as many as threads can share evenly.
  const { threads } = lowering.options;
  const blocks = Math.ceil(Math.ceil(tiles / fit) / threads) * threads;
  const blockTiles = Math.ceil(tiles / blocks / 4) * 4;
  lowering.scratchBytes = Math.max(lowering.scratchBytes, winogradScratch(blockTiles, depth));
  const view = residual ?? output;
  lowering.step(
    winograd({ activation: attrs.activation, residual: residual !== undefined, unroll: 4 }),
    {
      x: { block: input.block, offset: input.offset },
      xPixel: input.pixelBytes,
      xRow: input.w * input.pixelBytes,
      xImage: input.h * input.w * input.pixelBytes,
      inHeight: input.h,
      inWidth: input.w,
      padY: attrs.padding[0],
      padX: attrs.padding[1],
      tilesX,
      tilesPerImage,
      tiles,
      blockTiles,
      depth,
      weights: lowering.constant(winogradFloats(outputs, depth), (target) =>
        winogradWeights(target, weight.data, outputs, channels, depth, (c) => map[c]),
      ),
      panelBytes: 36 * depth * PANEL * 4,
      panels: full,
      half: half ? 1 : 0,
      bias: packedBias(lowering, bias, 0, outputs),
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
