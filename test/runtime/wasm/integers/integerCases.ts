/** Integer convolutions with what they give in exact integer arithmetic. */

import { quantizeWeight, roundHalfEven } from "../../../../src/compress/quantize/weights.js";
import {
  type ConvQuantization,
  type Graph,
  GraphBuilder,
  IDENTITY,
  OPS,
  type OpAttributes,
  wideScales,
  wideWeight,
} from "../../../../src/ops/index.js";
import { type HostTensor, tensor } from "../../../../src/tensor/index.js";
import { dequantizeWeight } from "../../../../src/yolov5/checkpoint/quantized.js";
import { randomTensor } from "../../../support/random.js";

export interface IntegerCase {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: readonly HostTensor<"float32">[];
  /** In exact arithmetic, but for the input's rounding. */
  readonly expected: HostTensor;
  readonly silu: boolean;
  /** Weights have up to fifteen bits. */
  readonly wide: boolean;
}

interface Options {
  readonly x: readonly [n: number, c: number, h: number, w: number];
  readonly o: number;
  readonly k: number;
  readonly s?: number;
  readonly d?: number;
  readonly silu?: boolean;
  readonly residual?: boolean;
  /** Channels of the parts that a concatenation makes the input of. */
  readonly parts?: readonly number[];
  /** Values far beyond the calibrated range. */
  readonly outliers?: boolean;
  /** Weights of up to fifteen bits. */
  readonly wide?: boolean;
}

const QUANTIZATION = { inputScale: 2 / 255, inputZeroPoint: 100 };

/** round(x ÷ scale), clamped, without the zero point, as the kernel computes it in float32. */
function wholeOf(x: number, { inputScale, inputZeroPoint }: typeof QUANTIZATION): number {
  const inverse = Math.fround(1 / inputScale);
  const limited = Math.min(255 - inputZeroPoint, Math.max(-inputZeroPoint, Math.fround(x * inverse)));
  return roundHalfEven(limited);
}

/** Weights as float32, as whole numbers, and their scales. */
function weightsOf(source: HostTensor<"float32">, wide: boolean) {
  const perOutput = source.data.length / source.shape[0];
  const wholeNumbers = (of: (index: number) => number): HostTensor =>
    tensor(
      "float64",
      source.shape,
      Float64Array.from(source.data, (_, i) => of(i)),
    );
  if (wide) {
    const scales = wideScales(source);
    const weight = wideWeight(source, scales);
    const whole = wholeNumbers((i) => Math.round(weight.data[i] / scales.data[Math.floor(i / perOutput)]));
    return { rounded: weight, whole, scales: scales.data };
  }
  const { weight, scales } = quantizeWeight(source);
  const rounded = dequantizeWeight(weight, scales.data);
  return { rounded, whole: wholeNumbers((i) => weight.data[i]), scales: scales.data };
}

function integerCase(options: Options): IntegerCase {
  const {
    x,
    o,
    k,
    s = 1,
    d = 1,
    silu = false,
    residual = false,
    parts = [x[1]],
    outliers = false,
    wide = false,
  } = options;
  const attrs: OpAttributes["conv2d"] = {
    stride: [s, s],
    padding: [(d * (k - 1)) >> 1, (d * (k - 1)) >> 1],
    dilation: [d, d],
    groups: 1,
    activation: silu ? { kind: "silu" } : IDENTITY,
    hasBias: true,
    hasResidual: residual,
  };
  const { rounded, whole: wholeWeight, scales } = weightsOf(randomTensor([o, x[1], k, k], 3, 0.4), wide);
  const bias = randomTensor([o], 4);
  const quantization: ConvQuantization = { ...QUANTIZATION, weightScales: scales, ...(wide ? { wide } : {}) };
  const inputs = parts.map((c, i) => randomTensor([x[0], c, x[2], x[3]], 10 + i, outliers ? 1e6 : 1.3));

  const joined = OPS.concat.reference(inputs, { axis: 1 })[0];
  const double = (t: HostTensor, of: (v: number) => number = (v) => v): HostTensor =>
    tensor("float64", t.shape, Float64Array.from(t.data as Float32Array, of));
  const plain = { ...attrs, activation: IDENTITY, hasBias: false, hasResidual: false };
  const whole = double(joined, (v) => wholeOf(v, QUANTIZATION));
  const [sums] = OPS.conv2d.reference([whole, wholeWeight], plain);
  const plane = sums.shape[2] * sums.shape[3];
  const scaled = double(sums);
  scaled.data.forEach((value, i) => {
    const channel = Math.floor(i / plane) % o;
    const scale = Math.fround(scales[channel] * QUANTIZATION.inputScale);
    scaled.data[i] = Number(value) * scale + bias.data[channel];
  });
  const [active] = OPS.activation.reference([scaled], { activation: attrs.activation });
  const other = randomTensor(active.shape, 30);
  const [expected] = residual ? OPS.add.reference([active, double(other)], {}) : [active];

  const b = new GraphBuilder();
  const ids = inputs.map(({ shape }, i) => b.input(`x${i}`, { shape, dtype: "float32" }));
  const input = ids.length === 1 ? ids[0] : b.add("concat", "cat", ids, { axis: 1 });
  const operands = [input, b.constant("w", rounded), b.constant("b", bias)];
  if (residual) operands.push(b.input("other", { shape: other.shape, dtype: "float32" }));
  const y = b.add("conv2d", "conv", operands, { ...attrs, quantization });
  const name = `x=[${x}] o=${o} k=${k} s=${s} d=${d}${silu ? " silu" : ""}${residual ? " residual" : ""}${parts.length > 1 ? ` of ${parts}` : ""}${outliers ? " outliers" : ""}${wide ? " wide" : ""}`;
  return { name, graph: b.finish([y]), inputs: residual ? [...inputs, other] : inputs, expected, silu, wide };
}

export const INTEGER_CASES: readonly IntegerCase[] = [
  integerCase({ x: [1, 8, 5, 7], o: 16, k: 1 }),
  integerCase({ x: [1, 3, 9, 7], o: 5, k: 1, silu: true }),
  integerCase({ x: [2, 7, 4, 3], o: 13, k: 1, silu: true, residual: true }),
  integerCase({ x: [1, 64, 1, 1], o: 255, k: 1 }),
  integerCase({ x: [1, 96, 20, 20], o: 24, k: 1, silu: true }),
  integerCase({ x: [1, 16, 6, 6], o: 12, k: 1, s: 2 }),
  integerCase({ x: [1, 16, 21, 18], o: 20, k: 3, s: 2, silu: true }),
  integerCase({ x: [2, 12, 9, 9], o: 9, k: 3, s: 2, residual: true }),
  integerCase({ x: [1, 5, 7, 9], o: 8, k: 3, silu: true }),
  integerCase({ x: [1, 20, 11, 10], o: 6, k: 5, d: 2 }),
  integerCase({ x: [1, 24, 40, 40], o: 32, k: 3, s: 2 }),
  // Large weights over a small map, and a map wider than a tile.
  integerCase({ x: [1, 176, 6, 6], o: 176, k: 3, s: 2 }),
  integerCase({ x: [2, 8, 3, 170], o: 8, k: 3, s: 2, silu: true }),
  integerCase({ x: [1, 6, 9, 8], o: 7, k: 5, silu: true, residual: true }),
  integerCase({ x: [1, 21, 6, 5], o: 10, k: 1, parts: [5, 3, 13] }),
  integerCase({ x: [1, 21, 8, 8], o: 10, k: 3, s: 2, silu: true, parts: [9, 7, 5] }),
  integerCase({ x: [1, 16, 4, 4], o: 8, k: 1, outliers: true }),
  // First convolutions, over planes.
  integerCase({ x: [1, 3, 22, 18], o: 16, k: 6, s: 2, silu: true }),
  integerCase({ x: [2, 3, 7, 11], o: 9, k: 3, silu: true, residual: true }),
  integerCase({ x: [1, 1, 8, 9], o: 4, k: 5, s: 2 }),
  integerCase({ x: [1, 4, 9, 6], o: 6, k: 3, s: 2 }),
  integerCase({ x: [1, 2, 9, 6], o: 6, k: 6, s: 2 }),
  integerCase({ x: [1, 3, 17, 14], o: 8, k: 7, s: 2, silu: true }),
  // Rows of a map in tiles of five and of six, and maps smaller than a tile.
  integerCase({ x: [1, 16, 5, 20], o: 8, k: 3, silu: true }),
  integerCase({ x: [1, 16, 5, 12], o: 24, k: 3, silu: true, residual: true }),
  integerCase({ x: [1, 16, 3, 1], o: 8, k: 3 }),
  // By Winograd's algorithm in int16: whole squares of 2×2, and some that stick out.
  integerCase({ x: [2, 16, 7, 9], o: 20, k: 3, silu: true, residual: true }),
  integerCase({ x: [2, 16, 6, 8], o: 24, k: 3, silu: true, residual: true }),
  integerCase({ x: [1, 21, 4, 4], o: 12, k: 3, parts: [9, 7, 5] }),
  integerCase({ x: [1, 40, 6, 90], o: 13, k: 3, silu: true, outliers: true }),
  integerCase({ x: [1, 176, 6, 6], o: 40, k: 3 }),
  // Weights of fifteen bits; of so many channels that sums would not fit, fewer.
  integerCase({ x: [1, 64, 5, 7], o: 255, k: 1, wide: true }),
  integerCase({ x: [2, 21, 4, 5], o: 30, k: 1, wide: true, silu: true, residual: true, parts: [5, 3, 13] }),
  integerCase({ x: [1, 1280, 3, 2], o: 12, k: 1, wide: true, outliers: true }),
  integerCase({ x: [1, 16, 7, 6], o: 12, k: 1, s: 2, wide: true }),
];
