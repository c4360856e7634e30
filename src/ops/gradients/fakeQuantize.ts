/**
 * Rounding to the 256 steps of a quantization, in float: what an integer convolution sees of its input. Its gradient passes
 * straight through where nothing is clipped (Bengio et al. 2013; Jacob et al. 2018), as in PyTorch's fake_quantize_per_tensor_affine.
 */

import { checkCount } from "../op.js";
import { wholeInput } from "../quantized/conv2d.js";
import { elementwiseOutput, floats } from "../shapes.js";
import type { GradientAttributes } from "./attributes.js";
import { checkGradient, type GradientOp } from "./gradientOp.js";

type Attributes = GradientAttributes["fakeQuantize"];

/** Added to a small float32, it leaves the nearest whole number, ties to even. */
const ROUNDING = 12582912;

/** What kernels need of a quantization: x × inverse is rounded to whole steps from `low` to `high`. */
export interface QuantizationSteps {
  readonly scale: number;
  readonly inverse: number;
  readonly low: number;
  readonly high: number;
}

export function fakeQuantizeSteps({ scale, zeroPoint }: Attributes): QuantizationSteps {
  return { scale, inverse: Math.fround(1 / scale), low: -zeroPoint, high: 255 - zeroPoint };
}

export const fakeQuantizeOp: GradientOp<"fakeQuantize"> = {
  type: "fakeQuantize",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 1, "x", "fakeQuantize", node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([x], { scale, zeroPoint }) {
    const out = elementwiseOutput(x);
    const { data } = wholeInput(x, { inputScale: scale, inputZeroPoint: zeroPoint });
    for (let i = 0; i < data.length; i++) out.data[i] = data[i] * scale;
    return [out];
  },
};

export const fakeQuantizeGradientOp: GradientOp<"fakeQuantizeGradient"> = {
  type: "fakeQuantizeGradient",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 2, "x, dy", "fakeQuantizeGradient", node);
    checkGradient(inputs[1], inputs[0].shape, "fakeQuantizeGradient", node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([x, dy], attrs) {
    const { inverse, low, high } = fakeQuantizeSteps(attrs);
    const out = elementwiseOutput(x);
    const [xs, gs] = [floats(x), floats(dy)];
    for (let i = 0; i < xs.length; i++) {
      // One step further than what is stored is enough to see that it is outside.
      const limited = Math.max(low - 1, Math.min(high + 1, Math.fround(xs[i] * inverse)));
      const whole = Math.fround(limited + ROUNDING) - ROUNDING;
      out.data[i] = whole >= low && whole <= high ? gs[i] : 0;
    }
    return [out];
  },
};
