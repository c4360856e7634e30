/**
 * Convolutions in integers: weights are packed in panels, sums are int32, and the epilogue gives float32 again, which it
 * rounds to integers where nothing else is read of it (plan.ts). The numbers are bytes where the host's int8 dot product
 * is exact for them, else int16: the sums are the same.
 */

import {
  type ConvVariant,
  type IntegerFormat,
  lanesOf,
  PANEL,
  panelsOf,
  TILE_ROWS,
} from "../../../../kernels/wasm/index.js";
import { type ConvQuantization, isInteger, type NodeOf } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import { packedBias } from "../conv/gemm.js";
import type { Lowering } from "../lowering.js";
import type { Argument } from "../steps.js";
import { quantizedInput, quantizedPlanes } from "./quantized.js";
import { integerView } from "./stored.js";
import { bytesOf, type IntegerView, NO_ROUNDING, roundingArguments } from "./view.js";
import { BLOCK, type Gemm, lowerPoint, lowerRows, lowerWindow, type Output } from "./walk.js";
import { inTwoTurns, packedIntegers, packedScales, packedStarts, rowWords, UNROLL } from "./weights.js";
import { lowerIntegerWinograd, suitsIntegerWinograd } from "./winograd.js";

type Conv = NodeOf<"conv2d">;

/** Columns of a kernel over an input of few channels. */
const MOST_COLUMNS = 8;
/** Bytes of weights that stay in a common L2 cache while the rows of a map pass. */
const L2_BYTES = 2 ** 19;
/** Rows of register tiles for bytes: enough sums to hide the latency of the dot product, few enough for 16 registers. */
const BYTE_ROWS = [6, 5] as const;
/** Channels up to which pixels of an input stand close together instead of taking a whole vector each. */
const MOST_PLANES = 4;

/** A convolution that is computed in integers. */
export interface IntegerConv {
  readonly format: IntegerFormat;
  readonly quantization: ConvQuantization;
}

/** How a convolution that the graph describes in integers is computed in them; undefined for others, and if sums could overflow. */
export function integerConv(lowering: Lowering, { inputs, attrs }: Conv): IntegerConv | undefined {
  const { int8: format } = lowering.options;
  const { quantization } = attrs;
  if (!format || !quantization || !isInteger(attrs, lowering.shape(inputs[1]))) return undefined;
  return { format, quantization };
}

/** Reads the graph's own input of few channels: a first convolution. */
function suitsPlanes({ graph }: Lowering, { inputs: [x, weight], attrs }: Conv): boolean {
  const [, channels, , kw] = graph.values[weight].shape;
  return graph.inputs.includes(x) && channels <= MOST_PLANES && attrs.dilation[1] === 1 && kw <= MOST_COLUMNS;
}

/** Rows of the register tile that waste least of a row of `width` pixels. */
function tileRows(format: IntegerFormat, width: number): number {
  if (format === "int16") return TILE_ROWS;
  const computed = (rows: number): number => Math.ceil(width / rows) * rows;
  return BYTE_ROWS.reduce((best, rows) => (computed(rows) < computed(best) ? rows : best));
}

/** What a convolution reads, in integers. */
export function integerInput(lowering: Lowering, node: Conv, { format, quantization }: IntegerConv): IntegerView {
  const [id] = node.inputs;
  const { padding } = node.attrs;
  if (lowering.integers.has(id)) return integerView(lowering, id);
  const quantized = suitsPlanes(lowering, node) ? quantizedPlanes : quantizedInput;
  return quantized(lowering, id, format, quantization, padding);
}

/** The packed constants of a convolution that multiplies numbers as they are. */
export function integerConstants(
  lowering: Lowering,
  weight: HostTensor<"float32">,
  bias: HostTensor<"float32"> | undefined,
  { format, quantization }: IntegerConv,
  input: IntegerView,
): Readonly<Record<"weights" | "panelBytes" | "scales" | "starts" | "bias", Argument>> {
  const [outputs, , kh, kw] = weight.shape;
  return {
    weights: packedIntegers(lowering, format, weight, quantization, input),
    panelBytes:
      kh * rowWords(kw * input.channels, lanesOf(format)) * PANEL * 4 * (inTwoTurns(format, quantization) ? 2 : 1),
    scales: packedScales(lowering, quantization, outputs),
    starts: packedStarts(lowering, format, weight, quantization),
    bias: packedBias(lowering, bias, 0, outputs),
  };
}

/** One quantized convolution. */
export function lowerInteger(lowering: Lowering, node: Conv, { format, quantization }: IntegerConv): void {
  const { attrs, inputs } = node;
  const weight = lowering.weight(inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(inputs[2], node) : undefined;
  const residual = attrs.hasResidual ? lowering.compact(inputs[inputs.length - 1]) : undefined;
  const [outputs, , kh, kw] = weight.shape;
  const { stride, padding, dilation } = attrs;
  const planes = suitsPlanes(lowering, node);
  const input = integerInput(lowering, node, { format, quantization });
  const output = outputOf(lowering, node, format);
  const lanes = lanesOf(format);
  const { full, half } = panelsOf(outputs);
  const pixel = residual?.pixelBytes ?? 0;
  const shared = {
    ...output.rounding,
    panels: full,
    half: half ? 1 : 0,
    bias: packedBias(lowering, bias, 0, outputs),
    // Where the border that the convolution needs begins.
    x: {
      storage: input.storage,
      offset: input.offset - padding[0] * input.rowBytes - padding[1] * input.pixelBytes,
    },
    out: output.address,
    residual: residual ? { storage: residual.storage, offset: residual.offset } : 0,
  };
  const variantOf = (width: number, unroll: number): ConvVariant => ({
    activation: attrs.activation,
    residual: residual !== undefined,
    unroll,
    numbers: lanes === 2 ? "int16" : "int8",
    wide: inTwoTurns(format, quantization),
    store: output.store,
    rows: tileRows(format, width),
  });
  const panels = full + (half ? 1 : 0);
  const work = { lowering, node, input, output, residual: pixel, panels, kh, kw, lanes } as const;
  if (format === "int16" && suitsIntegerWinograd(node, weight, input)) {
    lowerIntegerWinograd({ ...work, shared }, quantization, variantOf(output.w, UNROLL));
    return;
  }
  const gemm: Gemm = {
    ...work,
    shared: {
      ...shared,
      ...integerConstants(lowering, weight, bias, { format, quantization }, input),
    },
  };
  const point = kh === 1 && kw === 1 && stride.every((step) => step === 1) && padding.every((p) => p === 0);
  const bytes = (weight.data.length * 4) / lanes;
  // Rows of the kernel as single runs of numbers; not where large weights would pass once a row of a small map.
  const runs = dilation[1] === 1 && input.pixelBytes === input.channels * bytesOf(format);
  if (point && !planes && isPlain(input) && isPlain(output)) lowerPoint(gemm, variantOf);
  else if (planes || kw === 1 || (runs && (output.w >= BLOCK || bytes <= L2_BYTES))) lowerRows(gemm, variantOf);
  else lowerWindow(gemm, variantOf);
}

function outputOf(lowering: Lowering, node: Conv, format: IntegerFormat): Output {
  const [id] = node.outputs;
  const stored = lowering.integers.get(id);
  if (stored) {
    const view = integerView(lowering, id);
    const address = { storage: view.storage, offset: view.offset };
    return { ...view, address, store: format, rounding: roundingArguments(format, stored.quantization) };
  }
  const { storage, offset, n, h, w, pixelBytes } = lowering.outputNhwc(id);
  const rowBytes = w * pixelBytes;
  const size = { n, h, w, pixelBytes, rowBytes, imageBytes: h * rowBytes };
  return { ...size, address: { storage, offset }, store: undefined, rounding: NO_ROUNDING };
}

/** Without a border all pixels are a single row. */
const isPlain = ({
  w,
  h,
  pixelBytes,
  rowBytes,
  imageBytes,
}: Pick<Output, "w" | "h" | "pixelBytes" | "rowBytes" | "imageBytes">): boolean =>
  rowBytes === w * pixelBytes && imageBytes === h * rowBytes;
