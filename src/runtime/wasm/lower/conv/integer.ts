/**
 * Convolutions in integers: the input is quantized once for all that read it, weights are packed in panels, sums are int32,
 * and the epilogue gives float32 again, so that everything around them is as in the float32 program. The numbers are bytes
 * where the host's int8 dot product is exact for them, else int16: the sums are the same.
 */

import {
  type ConvVariant,
  convPoint,
  convWindow,
  convWindowScratch,
  type IntegerFormat,
  lanesOf,
  PANEL,
  panelsOf,
  TILE_ROWS,
} from "../../../../kernels/wasm/index.js";
import type { ConvQuantization, NodeOf } from "../../../../ops/index.js";
import type { Nhwc } from "../layout.js";
import type { Lowering } from "../lowering.js";
import { cut, cutPanels, packedBias } from "./gemm.js";
import { type IntegerView, integerInput, planesInput } from "./integerInput.js";
import { packedIntegers, packedScales, packedStarts } from "./integerWeights.js";

type Conv = NodeOf<"conv2d">;

/** Steps of the micro-kernel's inner loop, of 32 bits each. */
const UNROLL = 4;
/** Steps that the micro-kernel may unroll. */
const MOST_UNROLL = 8;
/** Bytes of weights that stay in a common L2 cache while the rows of a map pass. */
const L2_BYTES = 2 ** 19;
/** Output pixels of a tile in rows. */
const BLOCK = 80;
/** Largest magnitudes of an activation without its zero point, and of a weight. */
const LARGEST_PRODUCT = 255 * 127;
/** Rows of register tiles for bytes: enough sums to hide the latency of the dot product, few enough for 16 registers. */
const BYTE_ROWS = [6, 5] as const;
/** Channels up to which a pixel of an input takes four bytes instead of a whole vector. */
const MOST_PLANES = 4;

/** A convolution that is computed in integers. */
export interface IntegerConv {
  readonly format: IntegerFormat;
  readonly quantization: ConvQuantization;
}

/** How a convolution that the graph describes in integers is computed in them; undefined for others, and if sums could overflow. */
export function integerConv(lowering: Lowering, { inputs, attrs }: Conv): IntegerConv | undefined {
  const { int8: format } = lowering.options;
  const { quantization, groups } = attrs;
  if (!format || !quantization || groups !== 1) return undefined;
  const [, channels, kh, kw] = lowering.shape(inputs[1]);
  return channels * kh * kw * LARGEST_PRODUCT < 2 ** 31 ? { format, quantization } : undefined;
}

/** Reads the graph's own input of few channels: a first convolution. */
function suitsPlanes({ graph }: Lowering, { inputs: [x, weight], attrs }: Conv): boolean {
  const [, channels, , kw] = graph.values[weight].shape;
  return graph.inputs.includes(x) && channels <= MOST_PLANES && attrs.dilation[1] === 1 && kw <= MOST_UNROLL;
}

/** Rows of the register tile that waste least of a row of `width` pixels. */
function tileRows(format: IntegerFormat, width: number): number {
  if (format === "int16") return TILE_ROWS;
  const computed = (rows: number): number => Math.ceil(width / rows) * rows;
  return BYTE_ROWS.reduce((best, rows) => (computed(rows) < computed(best) ? rows : best));
}

/** One quantized convolution. */
export function lowerInteger(
  lowering: Lowering,
  node: Conv,
  { format, quantization }: IntegerConv,
  output: Nhwc,
  residual: Nhwc | undefined,
): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const [outputs, , kh, kw] = weight.shape;
  const { stride, padding, dilation } = attrs;
  const [x] = node.inputs;
  const planes = format !== "int16" && suitsPlanes(lowering, node) ? format : undefined;
  const input = planes
    ? planesInput(lowering, x, planes, quantization, padding)
    : integerInput(lowering, x, format, quantization, padding);
  const lanes = lanesOf(format);
  const { full, half } = panelsOf(outputs);
  const view = residual ?? output;
  const point = kh === 1 && kw === 1 && stride.every((step) => step === 1) && padding.every((p) => p === 0);
  // Rows of the kernel as single runs of numbers; not where large weights would pass once a row of a small map.
  const bytes = (weight.data.length * 4) / lanes;
  const rows = dilation[1] === 1 && !point && (output.w >= BLOCK || bytes <= L2_BYTES);
  const shared = {
    panels: full,
    half: half ? 1 : 0,
    weights: packedIntegers(lowering, format, weight, quantization, input),
    panelBytes: ((kh * kw * input.channels) / lanes) * PANEL * 4,
    bias: packedBias(lowering, bias, 0, outputs),
    scales: packedScales(lowering, quantization, outputs),
    starts: packedStarts(lowering, format, weight, quantization),
    x: { storage: input.storage, offset: 0 },
    out: { storage: output.storage, offset: output.offset },
    residual: { storage: view.storage, offset: view.offset },
  };
  const variantOf = (width: number, unroll: number): ConvVariant => ({
    activation: attrs.activation,
    residual: residual !== undefined,
    unroll,
    numbers: lanes === 2 ? "int16" : "int8",
    rows: tileRows(format, width),
  });
  const gemm: Gemm = { lowering, node, input, output, view, shared, panels: full + (half ? 1 : 0), kh, kw, lanes };
  if (planes || rows) lowerRows(gemm, variantOf);
  else if (point) lowerPoint(gemm, variantOf);
  else lowerWindow(gemm, variantOf);
}

/** What the three ways to walk over the input have in common. */
interface Gemm {
  readonly lowering: Lowering;
  readonly node: Conv;
  readonly input: IntegerView;
  readonly output: Nhwc;
  /** Of the residual, or of the output where there is none. */
  readonly view: Nhwc;
  readonly shared: Pick<
    Parameters<Lowering["step"]>[1],
    "panels" | "half" | "weights" | "panelBytes" | "bias" | "scales" | "starts" | "x" | "out" | "residual"
  >;
  readonly panels: number;
  readonly kh: number;
  readonly kw: number;
  readonly lanes: 2 | 4;
}
type VariantOf = (width: number, unroll: number) => ConvVariant;

/** Each row of the kernel is one tap: consecutive numbers of consecutive pixels. */
function lowerRows({ lowering, node, input, output, view, shared, panels, kh, kw, lanes }: Gemm, of: VariantOf): void {
  const { stride, dilation } = node.attrs;
  const { n, channels, pixelBytes, rowBytes, imageBytes } = input;
  const depth = (kw * channels) / lanes;
  const blockWidth = Math.min(BLOCK, output.w);
  const blocksPerRow = Math.ceil(output.w / blockWidth);
  const blocks = n * output.h * blocksPerRow;
  const { panelBlocks, panelsPerBlock } = cutPanels(panels, blocks, lowering.options.threads);
  const offsets = Array.from({ length: kh }, (_, y) => y * dilation[0] * rowBytes);
  lowering.step(
    convPoint(of(blockWidth, depth % UNROLL === 0 ? UNROLL : depth), false),
    {
      ...shared,
      panelBlocks,
      panelsPerBlock,
      outStep: output.pixelBytes,
      residualStep: view.pixelBytes,
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
function lowerPoint({ lowering, input, output, view, shared, panels, lanes }: Gemm, of: VariantOf): void {
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
      outStep: output.pixelBytes,
      residualStep: view.pixelBytes,
      xStep: input.pixelBytes,
      xRow: 0,
      xImage: 0,
      rowsPerImage: 1,
      width: pixels,
      blockWidth: block,
      blocksPerRow: Math.ceil(pixels / block),
      taps: 1,
      tapTable: 0,
      depth,
    },
    Math.ceil(pixels / block) * panelBlocks,
  );
}

/** Any kernel: each tap by its address. The border of the input makes checks needless. */
function lowerWindow(
  { lowering, node, input, output, view, shared, panels, kh, kw, lanes }: Gemm,
  of: VariantOf,
): void {
  const { stride, padding, dilation } = node.attrs;
  const { n, h, w, channels, pixelBytes, rowBytes, imageBytes } = input;
  const taps = kh * kw;
  const pixels = n * output.h * output.w;
  const variant = of(pixels, UNROLL);
  const depth = channels / lanes;
  const { block, panelBlocks, panelsPerBlock } = cut(
    pixels,
    taps * depth,
    panels,
    lowering.options.threads,
    variant.rows,
  );
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
      outPixel: output.pixelBytes,
      outRow: output.w * output.pixelBytes,
      outImage: output.h * output.w * output.pixelBytes,
      residualPixel: view.pixelBytes,
      residualRow: output.w * view.pixelBytes,
      residualImage: output.h * output.w * view.pixelBytes,
    },
    Math.ceil(pixels / block) * panelBlocks,
  );
}
