/** conv2d of a quantized graph: sums of whole numbers, exact; what comes before and after them in steps of float32. */

import type { Pieces } from "../../breathe.js";
import { elementCount, type HostTensor, tensor } from "../../tensor/index.js";
import { type ConvQuantization, IDENTITY, type OpAttributes } from "../attributes.js";
import { conv2dOp } from "../conv2d.js";
import { floatOutput, floats } from "../shapes.js";
import { activationSteps, add, fused, multiply } from "./steps.js";

type Attributes = OpAttributes["conv2d"];

/** x as whole numbers of steps from the zero point: clamped to the 256 of the quantization, ties to even. */
export function wholeInput(
  x: HostTensor,
  { inputScale, inputZeroPoint }: Pick<ConvQuantization, "inputScale" | "inputZeroPoint">,
): HostTensor<"float64"> {
  const inverse = Math.fround(1 / inputScale);
  const [low, high] = [-inputZeroPoint, 255 - inputZeroPoint];
  const whole = Float64Array.from(floats(x), (value) => {
    const limited = Math.max(low, Math.min(high, multiply(value, inverse)));
    // A float32 that has no room left for a fraction: nearest, ties to even.
    return Math.fround(limited + 12582912) - 12582912;
  });
  return tensor("float64", x.shape, whole);
}

/** The graph's weights are whole numbers × the scale of their output. */
function wholeWeight(weight: HostTensor, { weightScales }: ConvQuantization): HostTensor<"float64"> {
  const perOutput = elementCount(weight.shape) / weight.shape[0];
  const whole = Float64Array.from(floats(weight), (value, i) =>
    Math.round(value / weightScales[Math.floor(i / perOutput)]),
  );
  return tensor("float64", weight.shape, whole);
}

const PLAIN = { activation: IDENTITY, hasBias: false, hasResidual: false } as const;

/** Sum × scale + bias, activation, residual. */
export function* integerConv2d(
  inputs: readonly HostTensor[],
  attrs: Attributes,
  quantization: ConvQuantization,
): Pieces<HostTensor[]> {
  const [x, weight] = inputs;
  const operands = [wholeInput(x, quantization), wholeWeight(weight, quantization)];
  const plain = { ...attrs, ...PLAIN };
  const [sums] = conv2dOp.referencePieces
    ? yield* conv2dOp.referencePieces(operands, plain)
    : conv2dOp.reference(operands, plain);
  const scales = quantization.weightScales.map((scale) => scale * quantization.inputScale);
  return [finish(sums, inputs, attrs, "integer", (sum, channel, bias) => add(multiply(sum, scales[channel]), bias))];
}

function finish(
  sums: HostTensor,
  inputs: readonly HostTensor[],
  attrs: Attributes,
  epilogue: "integer" | "float",
  total: (sum: number, channel: number, bias: number) => number,
): HostTensor {
  const [, channels, h, w] = sums.shape;
  const out = floatOutput(sums.shape, inputs[0]);
  const bias = attrs.hasBias ? floats(inputs[2]) : undefined;
  const residual = attrs.hasResidual ? floats(inputs[inputs.length - 1]) : undefined;
  const activate = activationSteps(attrs.activation, epilogue);
  const source = floats(sums);
  for (let i = 0; i < out.data.length; i++) {
    const channel = Math.floor(i / (h * w)) % channels;
    const value = activate(total(Math.fround(source[i]), channel, bias?.[channel] ?? 0));
    out.data[i] = residual ? add(value, residual[i]) : value;
  }
  return out;
}

/**
 * In float32: from the bias on, tap by tap and channel by channel, each product added with one rounding. It is the order of all
 * kernels but Winograd's and those of a first convolution.
 */
export function* floatConv2d(inputs: readonly HostTensor[], attrs: Attributes): Pieces<HostTensor[]> {
  const [x, weight] = inputs;
  const [{ shape }] = conv2dOp.infer(inputs, attrs, "reference");
  const [n, outputs, oh, ow] = shape;
  const [, channels, h, w] = x.shape;
  const [, perGroup, kh, kw] = weight.shape;
  const sums = floatOutput(shape, x);
  const [source, weights] = [floats(x), floats(weight)];
  const bias = attrs.hasBias ? floats(inputs[2]) : undefined;
  for (let image = 0; image < n; image++) {
    for (let o = 0; o < outputs; o++) {
      const first = Math.floor(o / (outputs / attrs.groups)) * perGroup;
      const plane = sums.data.subarray((image * outputs + o) * oh * ow, (image * outputs + o + 1) * oh * ow);
      plane.fill(bias?.[o] ?? 0);
      for (let tap = 0; tap < kh * kw; tap++) {
        const dy = Math.floor(tap / kw) * attrs.dilation[0] - attrs.padding[0];
        const dx = (tap % kw) * attrs.dilation[1] - attrs.padding[1];
        for (let c = 0; c < perGroup; c++) {
          const factor = weights[(o * perGroup + c) * kh * kw + tap];
          const from = (image * channels + first + c) * h * w;
          for (let y = 0; y < oh; y++) {
            const iy = y * attrs.stride[0] + dy;
            if (iy < 0 || iy >= h) continue;
            for (let column = 0; column < ow; column++) {
              const ix = column * attrs.stride[1] + dx;
              if (ix < 0 || ix >= w) continue;
              const at = y * ow + column;
              plane[at] = fused(source[from + iy * w + ix], factor, plane[at]);
            }
          }
        }
      }
      yield;
    }
  }
  return [finish(sums, inputs, attrs, "float", (sum) => sum)];
}
