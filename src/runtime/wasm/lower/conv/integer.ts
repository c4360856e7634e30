/**
 * Convolutions in integers: the input is quantized once for all that read it, weights are int16 in panels, sums int32, and
 * the epilogue gives float32 again, so that everything around them is as in the float32 program.
 */

import {
  type ConvVariant,
  convPoint,
  convWindow,
  convWindowScratch,
  PANEL,
  packedFloats,
  panelsOf,
  quantize,
} from "../../../../kernels/wasm/index.js";
import type { ConvQuantization, NodeOf, Pair, ValueId } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import { channelsOfStored, segmentsKey, storedChannels } from "../../../channels.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { type Address, roundUp, type Storage } from "../storages.js";
import { cut, cutPanels, packedBias } from "./gemm.js";

type Conv = NodeOf<"conv2d">;

/** Steps of the micro-kernel's inner loop, of two int16 each. */
const UNROLL = 4;
const CHANNELS = 2 * UNROLL;
/** Bytes of weights that stay in a common L2 cache while the rows of a map pass. */
const L2_BYTES = 2 ** 19;
/** Output pixels of a tile in rows. */
const BLOCK = 80;
/** Largest magnitudes of an activation without its zero point, and of a weight. */
const LARGEST_PRODUCT = 255 * 127;

/** A value as pixels of `channels` int16 within a border of zeros. */
interface QuantizedView {
  readonly storage: Storage;
  readonly channels: number;
  readonly pixelBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

/** True for convolutions that the graph describes in integers and whose sums cannot overflow int32. */
export function suitsIntegers(lowering: Lowering, { inputs, attrs }: Conv): boolean {
  if (!lowering.options.int8 || !attrs.quantization || attrs.groups !== 1) return false;
  const [, channels, kh, kw] = lowering.shape(inputs[1]);
  return channels * kh * kw * LARGEST_PRODUCT < 2 ** 31;
}

/** Quantized once for all that read it with the same scale and border. */
function quantizedInput(
  lowering: Lowering,
  id: ValueId,
  { inputScale, inputZeroPoint }: ConvQuantization,
  [padY, padX]: Pair,
): QuantizedView {
  return lowering.shared(`int16 ${id} ${inputScale} ${inputZeroPoint} ${padY} ${padX}`, () => {
    const view = lowering.nhwc(id);
    const { n, h, w } = view;
    const channels = roundUp(storedChannels(view.segments), CHANNELS);
    const pixelBytes = channels * 2;
    const rowBytes = (w + 2 * padX) * pixelBytes;
    const rows = h + 2 * padY;
    const storage = lowering.allocate(n * rows * rowBytes);
    lowering.step(
      quantize(),
      {
        x: { storage: view.storage, offset: view.offset },
        xPixel: view.pixelBytes,
        xRow: w * view.pixelBytes,
        xImage: h * w * view.pixelBytes,
        height: h,
        width: w,
        padY,
        padX,
        out: { storage, offset: 0 },
        channels,
        inverse: { float: 1 / inputScale },
        low: { float: -inputZeroPoint },
        high: { float: 255 - inputZeroPoint },
      },
      n * rows,
    );
    return { storage, channels, pixelBytes, rowBytes, imageBytes: rows * rowBytes };
  });
}

/** int16 weights in panels [pair of k][8][2]; k runs over taps, then over the pixel's channels. */
function packIntegers(
  target: Int16Array,
  weight: HostTensor<"float32">,
  scales: Float32Array,
  map: readonly number[],
  channels: number,
): void {
  const [outputs, inputs, kh, kw] = weight.shape;
  const area = kh * kw;
  const padded = Math.ceil(outputs / 4) * 4;
  target.fill(0);
  for (let o = 0; o < outputs; o++) {
    const panel = Math.floor(o / PANEL) * PANEL;
    const columns = Math.min(PANEL, padded - panel);
    const first = panel * area * channels + (o - panel) * 2;
    for (let tap = 0; tap < area; tap++) {
      for (let c = 0; c < map.length; c++) {
        if (map[c] < 0) continue;
        const k = tap * channels + c;
        // The graph's weights are whole numbers × scale.
        const whole = Math.round(weight.data[(o * inputs + map[c]) * area + tap] / scales[o]);
        target[first + (k >> 1) * columns * 2 + (k & 1)] = whole;
      }
    }
  }
}

/** What a sum of whole numbers is worth, output by output. */
function packedScales(lowering: Lowering, { weightScales, inputScale }: ConvQuantization, outputs: number): Address {
  const floats = Math.ceil(outputs / PANEL) * PANEL;
  return lowering.constant(`scales ${inputScale}`, [weightScales], floats, (target) => {
    target.fill(0);
    target.set(weightScales.map((scale) => scale * inputScale));
  });
}

/** One quantized convolution. */
export function lowerInteger(
  lowering: Lowering,
  node: Conv,
  quantization: ConvQuantization,
  output: Nhwc,
  residual: Nhwc | undefined,
): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const { n, h, w, segments } = lowering.nhwc(node.inputs[0]);
  const [outputs, , kh, kw] = weight.shape;
  const taps = kh * kw;
  const { stride, padding, dilation } = attrs;
  const point = taps === 1 && stride.every((step) => step === 1) && padding.every((p) => p === 0);
  // Rows of the kernel as single runs of numbers; not where large weights would pass once a row of a small map.
  const rows = !point && dilation[1] === 1 && (output.w >= BLOCK || weight.data.length * 2 <= L2_BYTES);
  const input = quantizedInput(lowering, node.inputs[0], quantization, rows ? padding : [0, 0]);
  const { channels, pixelBytes, rowBytes, imageBytes } = input;
  const { weightScales } = quantization;
  const map = channelsOfStored(segments);
  const { full, half } = panelsOf(outputs);
  const steps = (taps * channels) / 2;
  const pixels = n * output.h * output.w;
  const panels = full + (half ? 1 : 0);
  const view = residual ?? output;
  const variant: ConvVariant = {
    activation: attrs.activation,
    residual: residual !== undefined,
    unroll: UNROLL,
    numbers: "int16",
  };
  const shared = {
    panels: full,
    half: half ? 1 : 0,
    weights: lowering.constant(
      `int16 ${channels} ${segmentsKey(segments)}`,
      [weight, weightScales],
      packedFloats(outputs, steps),
      ({ buffer, byteOffset, length }) =>
        packIntegers(new Int16Array(buffer, byteOffset, length * 2), weight, weightScales, map, channels),
    ),
    panelBytes: steps * PANEL * 4,
    bias: packedBias(lowering, bias, 0, outputs),
    scales: packedScales(lowering, quantization, outputs),
    x: { storage: input.storage, offset: 0 },
    out: { storage: output.storage, offset: output.offset },
    residual: { storage: view.storage, offset: view.offset },
  };
  const wide = { outStep: output.pixelBytes, residualStep: view.pixelBytes };
  if (rows) {
    const blockWidth = Math.min(BLOCK, Math.ceil(output.w / 4) * 4);
    const blocksPerRow = Math.ceil(output.w / blockWidth);
    const blocks = n * output.h * blocksPerRow;
    const { panelBlocks, panelsPerBlock } = cutPanels(panels, blocks, lowering.options.threads);
    const offsets = Array.from({ length: kh }, (_, y) => y * dilation[0] * rowBytes);
    lowering.step(
      convPoint(variant, false),
      {
        ...shared,
        ...wide,
        panelBlocks,
        panelsPerBlock,
        xStep: stride[1] * pixelBytes,
        xRow: stride[0] * rowBytes,
        xImage: imageBytes,
        rowsPerImage: output.h,
        width: output.w,
        blockWidth,
        blocksPerRow,
        taps: kh,
        tapTable: lowering.table(offsets),
        depth: (kw * channels) / 2,
      },
      blocks * panelBlocks,
    );
    return;
  }
  const { block, panelBlocks, panelsPerBlock } = cut(pixels, steps, panels, lowering.options.threads);
  const tiles = Math.ceil(pixels / block) * panelBlocks;
  const cutting = { panelBlocks, panelsPerBlock, taps, depth: channels / 2 };
  if (point) {
    lowering.step(
      convPoint(variant, true),
      {
        ...shared,
        ...wide,
        ...cutting,
        xStep: pixelBytes,
        xRow: 0,
        xImage: 0,
        rowsPerImage: 1,
        width: pixels,
        blockWidth: block,
        blocksPerRow: Math.ceil(pixels / block),
        tapTable: 0,
      },
      tiles,
    );
    return;
  }
  lowering.scratchBytes = Math.max(lowering.scratchBytes, convWindowScratch(block, taps));
  const offsets = Array.from({ length: taps }, (_, tap) => [
    Math.floor(tap / kw) * dilation[0] - padding[0],
    (tap % kw) * dilation[1] - padding[1],
  ]).flat();
  lowering.step(
    convWindow(variant),
    {
      ...shared,
      ...cutting,
      xPixel: pixelBytes,
      xRow: rowBytes,
      xImage: imageBytes,
      inHeight: h,
      inWidth: w,
      strideY: stride[0],
      strideX: stride[1],
      width: output.w,
      pixelsPerImage: output.h * output.w,
      pixels,
      blockPixels: block,
      tapTable: lowering.table(offsets),
      zeros: lowering.zeroPage(pixelBytes / 4),
      outPixel: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      residualPixel: view.pixelBytes,
      residualRow: output.w * view.pixelBytes,
      residualImage: output.h * output.w * view.pixelBytes,
    },
    tiles,
  );
}
