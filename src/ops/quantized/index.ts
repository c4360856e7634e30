/**
 * The arithmetic of a quantized graph: what each node gives, bit for bit, on every host and in every kernel's format. Integer
 * convolutions are exact, and what their epilogues do is the same on every host. All else is float32 in an order that is stated
 * here, with multiply-adds that are rounded once, as on hosts with relaxed SIMD and a fused instruction. Ops without a definition
 * here (attention, layer normalisation, heads without anchors) have that of float32 networks.
 */

import type { Pieces } from "../../breathe.js";
import type { HostTensor } from "../../tensor/index.js";
import type { Node } from "../graph/graph.js";
import { decode } from "../heads/detect.js";
import { elementwiseOutput, floats } from "../shapes.js";
import { floatConv2d, integerConv2d } from "./conv2d.js";
import { isInteger } from "./isInteger.js";
import { averagePoolSteps, softmaxSteps } from "./reduce.js";
import { activationSteps, add, headSigmoid } from "./steps.js";

/** The node's outputs; undefined where the op's own reference defines them. Of graphs after `optimize`. */
export function quantizedReference(node: Node, inputs: readonly HostTensor[]): Pieces<HostTensor[]> | undefined {
  switch (node.type) {
    case "conv2d": {
      const { quantization } = node.attrs;
      if (quantization && isInteger(node.attrs, inputs[1].shape))
        return integerConv2d(inputs, node.attrs, quantization);
      return floatConv2d(inputs, node.attrs);
    }
    case "activation":
      return inOnePiece(() => elementwise(inputs, activationSteps(node.attrs.activation, "float")));
    case "add":
      return inOnePiece(() => elementwise(inputs, (x) => x));
    case "globalAveragePool":
      return inOnePiece(() => averagePoolSteps(inputs[0]));
    case "softmax":
      return inOnePiece(() => softmaxSteps(inputs[0], node.attrs.axis));
    case "detect":
      return inOnePiece(() => decode(inputs, node.attrs, headSigmoid, Math.fround));
    default:
      return undefined;
  }
}

/** After a pause. */
function* inOnePiece(compute: () => HostTensor): Pieces<HostTensor[]> {
  yield;
  return [compute()];
}

/** A function of the first input, plus the others one after the other. */
function elementwise([x, ...others]: readonly HostTensor[], of: (value: number) => number): HostTensor {
  const out = elementwiseOutput(x);
  floats(x).forEach((value, i) => {
    out.data[i] = others.reduce((sum, other) => add(sum, floats(other)[i]), of(value));
  });
  return out;
}
