/** Activations as ONNX operators of opset 13; later ones (HardSwish, Mish, Gelu) are written as several operators. */

import type { Activation } from "../ops/index.js";
import type { OnnxGraph } from "./onnxGraph.js";

/** Applies an activation and returns the result's name (`x` itself for identity). */
export function lowerActivation(g: OnnxGraph, x: string, activation: Activation, output: string): string {
  const unary = (operator: string, attributes: Parameters<OnnxGraph["node"]>[3] = {}): string =>
    g.node(operator, [x], output, attributes);
  switch (activation.kind) {
    case "identity":
      return x;
    case "silu":
      return g.node("Mul", [x, g.node("Sigmoid", [x], `${output}.sigmoid`)], output);
    case "sigmoid":
      return unary("Sigmoid");
    case "relu":
      return unary("Relu");
    case "relu6":
      return g.node("Clip", [x, g.floats([0]), g.floats([6])], output);
    case "leakyRelu":
      return unary("LeakyRelu", { alpha: { float: activation.slope } });
    case "hardswish":
      return g.node("Mul", [x, hardSigmoid(g, x, `${output}.hardsigmoid`)], output);
    case "hardsigmoid":
      return hardSigmoid(g, x, output);
    case "mish": {
      const softplus = g.node("Softplus", [x], `${output}.softplus`);
      return g.node("Mul", [x, g.node("Tanh", [softplus], `${output}.tanh`)], output);
    }
    case "gelu": {
      // x·½·(1 + erf(x/√2)).
      const scaled = g.node("Mul", [x, g.floats([Math.SQRT1_2])], `${output}.scaled`);
      const shifted = g.node("Add", [g.node("Erf", [scaled], `${output}.erf`), g.floats([1])], `${output}.shifted`);
      return g.node("Mul", [g.node("Mul", [x, g.floats([0.5])], `${output}.half`), shifted], output);
    }
    case "tanh":
      return unary("Tanh");
    case "elu":
      return unary("Elu", { alpha: { float: activation.alpha } });
    case "softplus":
      return unary("Softplus");
  }
}

/** clip(x/6 + ½, 0, 1). */
function hardSigmoid(g: OnnxGraph, x: string, output: string): string {
  return g.node("HardSigmoid", [x], output, { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
}
