/** Derivatives of the activation functions, in float64. Where one has none, PyTorch's choice. */

import { erf, sigmoid, softplus } from "../activations.js";
import type { Activation } from "../attributes.js";
import { checkCount } from "../op.js";
import { elementwiseOutput, floats } from "../shapes.js";
import { checkGradient, type GradientOp } from "./gradientOp.js";

/** The derivative of an activation at x. */
export function activationDerivative(activation: Activation): (x: number) => number {
  switch (activation.kind) {
    case "identity":
      return () => 1;
    case "silu":
      return (x) => {
        const s = sigmoid(x);
        return s * (1 + x * (1 - s));
      };
    case "sigmoid":
      return (x) => sigmoid(x) * sigmoid(-x);
    case "relu":
      return (x) => (x > 0 ? 1 : 0);
    case "relu6":
      return (x) => (x > 0 && x < 6 ? 1 : 0);
    case "leakyRelu": {
      const { slope } = activation;
      return (x) => (x > 0 ? 1 : slope);
    }
    case "hardswish":
      return (x) => (x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1);
    case "hardsigmoid":
      return (x) => (x > -3 && x < 3 ? 1 / 6 : 0);
    case "mish":
      return (x) => {
        const t = Math.tanh(softplus(x));
        return t + x * (1 - t * t) * sigmoid(x);
      };
    case "gelu":
      return (x) => 0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
    case "tanh":
      return (x) => 1 - Math.tanh(x) ** 2;
    case "elu": {
      const { alpha } = activation;
      return (x) => (x > 0 ? 1 : alpha * Math.exp(x));
    }
    case "softplus":
      return (x) => (x > 20 ? 1 : sigmoid(x));
  }
}

export const activationGradientOp: GradientOp<"activationGradient"> = {
  type: "activationGradient",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 2, "x, dy", "activationGradient", node);
    checkGradient(inputs[1], inputs[0].shape, "activationGradient", node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([x, dy], { activation }) {
    const derivative = activationDerivative(activation);
    const out = elementwiseOutput(x);
    const [xs, gs] = [floats(x), floats(dy)];
    for (let i = 0; i < xs.length; i++) out.data[i] = derivative(xs[i]) * gs[i];
    return [out];
  },
};
