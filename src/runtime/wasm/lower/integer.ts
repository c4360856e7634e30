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
} from "../../../kernels/wasm/index.js";
import type { ConvQuantization, NodeOf, ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import { type Block, roundUp } from "../blocks.js";
import { channelMap, type Nhwc, physicalChannels } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { cut, packedBias } from "./gemm.js";

type Conv = NodeOf<"conv2d">;

/** Steps of the micro-kernel's inner loop, of two int16 each. */
const UNROLL = 4;
const CHANNELS = 2 * UNROLL;
/** Floats that one tile of the quantization reads. */
const TILE_FLOATS = 16384;
/** Largest magnitudes of an activation without its zero point, and of a weight. */
const LARGEST_PRODUCT = 255 * 127;

/** A value as pixels of `channels` int16. */
interface QuantizedView {
  readonly block: Block;
  readonly channels: number;
}

/** True for convolutions that the graph describes in integers and whose sums cannot overflow int32. */
export function suitsIntegers(lowering: Lowering, { inputs, attrs }: Conv): boolean {
  if (!lowering.options.int8 || !attrs.quantization || attrs.groups !== 1) return false;
  const [, channels, kh, kw] = lowering.shape(inputs[1]);
  return channels * kh * kw * LARGEST_PRODUCT < 2 ** 31;
}

/** Quantized once for all that read it with the same scale. */
function quantizedInput(lowering: Lowering, id: ValueId, quantization: ConvQuantization): QuantizedView {
  const { inputScale, inputZeroPoint } = quantization;
  return lowering.shared(`int16 ${id} ${inputScale} ${inputZeroPoint}`, () => {
    const view = lowering.nhwc(id);
    const channels = roundUp(physicalChannels(view.segments), CHANNELS);
    const pixels = view.n * view.h * view.w;
    const block = lowering.allocate(pixels * channels * 2);
    const blockPixels = Math.max(1, Math.floor(TILE_FLOATS / channels));
    lowering.step(
      quantize(),
      {
        x: { block: view.block, offset: view.offset },
        xPixel: view.pixelBytes,
        out: { block, offset: 0 },
        pixels,
        blockPixels,
        channels,
        inverse: { float: 1 / inputScale },
        low: { float: -inputZeroPoint },
        high: { float: 255 - inputZeroPoint },
      },
      Math.ceil(pixels / blockPixels),
    );
    return { block, channels };
  });
}

/** int16 weights in panels [pair of k][8][2]; k runs over taps, then over the pixel's channels. */
function packIntegers(
  target: Int16Array,
  weight: HostTensor<"float32">,
  scales: Float32Array,
  map: Int32Array,
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
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node).data : undefined;
  const { n, h, w, segments } = lowering.nhwc(node.inputs[0]);
  const { block: x, channels } = quantizedInput(lowering, node.inputs[0], quantization);
  const pixelBytes = channels * 2;
  const { weightScales, inputScale } = quantization;
  const scales = weightScales.map((scale) => scale * inputScale);
  const map = channelMap(segments);
  const [outputs, , kh, kw] = weight.shape;
  const taps = kh * kw;
  const { full, half } = panelsOf(outputs);
  const steps = (taps * channels) / 2;
  const pixels = n * output.h * output.w;
  const { block, panelBlocks, panelsPerBlock } = cut(pixels, steps, full + (half ? 1 : 0), lowering.options.threads);
  const view = residual ?? output;
  const variant: ConvVariant = {
    activation: attrs.activation,
    residual: residual !== undefined,
    unroll: UNROLL,
    numbers: "int16",
  };
  const shared = {
    panelBlocks,
    panelsPerBlock,
    panels: full,
    half: half ? 1 : 0,
    taps,
    depth: channels / 2,
    weights: lowering.constant(packedFloats(outputs, steps), ({ buffer, byteOffset, length }) =>
      packIntegers(new Int16Array(buffer, byteOffset, length * 2), weight, weightScales, map, channels),
    ),
    panelBytes: steps * PANEL * 4,
    bias: packedBias(lowering, bias, 0, outputs),
    scales: packedBias(lowering, scales, 0, outputs),
    x: { block: x, offset: 0 },
    out: { block: output.block, offset: output.offset },
    residual: { block: view.block, offset: view.offset },
  };
  const tiles = Math.ceil(pixels / block) * panelBlocks;
  if (taps === 1 && attrs.stride.every((s) => s === 1) && attrs.padding.every((p) => p === 0)) {
    lowering.step(
      convPoint(variant, true),
      {
        ...shared,
        xStep: pixelBytes,
        xRow: 0,
        xImage: 0,
        rowsPerImage: 1,
        width: pixels,
        blockWidth: block,
        blocksPerRow: Math.ceil(pixels / block),
        tapTable: 0,
        outStep: output.pixelBytes,
        residualStep: view.pixelBytes,
      },
      tiles,
    );
    return;
  }
  lowering.scratchBytes = Math.max(lowering.scratchBytes, convWindowScratch(block, taps));
  const offsets = Array.from({ length: taps }, (_, tap) => [
    Math.floor(tap / kw) * attrs.dilation[0] - attrs.padding[0],
    (tap % kw) * attrs.dilation[1] - attrs.padding[1],
  ]).flat();
  lowering.step(
    convWindow(variant),
    {
      ...shared,
      xPixel: pixelBytes,
      xRow: w * pixelBytes,
      xImage: h * w * pixelBytes,
      inHeight: h,
      inWidth: w,
      strideY: attrs.stride[0],
      strideX: attrs.stride[1],
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
