/** 3×3 convolutions of stride 1 in int16 by Winograd's algorithm, which is exact there and needs less than half of the products. */

import {
  type ConvVariant,
  integerWinograd,
  integerWinogradScratch,
  PANEL,
  WINOGRAD_PLANES,
} from "../../../../kernels/wasm/index.js";
import type { ConvQuantization, NodeOf } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import type { IntegerView } from "./view.js";
import { type IntegerWork, placesOf } from "./walk.js";
import { packedPoints, packedScales, UNROLL } from "./weights.js";

/** Channels up to which four times a sum stays within 32 bits. */
const MOST_CHANNELS = 1024;
/** Below these the transforms cost more than they save. */
const LEAST_CHANNELS = 16;
const LEAST_OUTPUTS = 8;
/** Bytes of transformed input that a block may take in scratch memory: part of a common L2 cache. */
const BLOCK_BYTES = 2 ** 17;
const MOST_SQUARES = 20;

/** Enough channels. */
export function suitsIntegerWinograd(
  { attrs: { stride, dilation } }: NodeOf<"conv2d">,
  { shape: [outputs, channels, kh, kw] }: HostTensor,
  { channels: stored }: IntegerView,
): boolean {
  const plain = [kh, kw].every((k) => k === 3) && [...stride, ...dilation].every((step) => step === 1);
  const deep = Math.min(channels, stored) >= LEAST_CHANNELS && channels <= MOST_CHANNELS && outputs >= LEAST_OUTPUTS;
  return plain && deep;
}

export function lowerIntegerWinograd(
  { lowering, node, input, output, residual, shared, panels }: IntegerWork,
  quantization: ConvQuantization,
  variant: ConvVariant,
): void {
  const weight = lowering.weight(node.inputs[1], node);
  const { channels, pixelBytes, rowBytes, imageBytes } = input;
  const squaresX = Math.ceil(output.w / 2);
  const squaresY = Math.ceil(output.h / 2);
  const fit = Math.max(4, Math.floor(BLOCK_BYTES / (WINOGRAD_PLANES * channels * 2)));
  const most = Math.ceil(Math.min(MOST_SQUARES, fit, squaresX) / 4) * 4;
  const blocksPerRow = Math.ceil(squaresX / most);
  const blockSquares = Math.ceil(squaresX / blocksPerRow / 4) * 4;
  const rows = output.n * squaresY;
  const blocks = rows * blocksPerRow;
  // Small maps: several threads share a block, each of which then transforms the input anew.
  const panelBlocks = blocks >= lowering.options.threads ? 1 : Math.min(panels, lowering.options.threads);
  const panelsPerBlock = Math.ceil(panels / panelBlocks);
  lowering.scratchBytes = Math.max(lowering.scratchBytes, integerWinogradScratch(blockSquares, channels));
  lowering.step(
    integerWinograd({ ...variant, unroll: UNROLL }),
    {
      ...shared,
      weights: packedPoints(lowering, weight, quantization, input),
      panelBytes: WINOGRAD_PLANES * channels * PANEL * 2,
      scales: packedScales(lowering, quantization, weight.shape[0], 4),
      xPixel: pixelBytes,
      xRow: rowBytes,
      xImage: imageBytes,
      width: output.w,
      height: output.h,
      squaresX,
      rowsPerImage: squaresY,
      blockSquares,
      blocksPerRow: Math.ceil(squaresX / blockSquares),
      panelBlocks: Math.ceil(panels / panelsPerBlock),
      panelsPerBlock,
      depth: channels,
      ...placesOf(output, residual),
    },
    rows * Math.ceil(squaresX / blockSquares) * Math.ceil(panels / panelsPerBlock),
  );
}
