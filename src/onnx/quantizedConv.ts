/** A quantized convolution as QDQ: what it reads rounded to 256 steps, int8 weights with a scale for each output, an int32 bias. */

import { type ConvQuantization, isInteger, type NodeOf } from "../ops/index.js";
import { elementCount, type HostTensor, tensor } from "../tensor/index.js";
import type { OnnxGraph } from "./onnxGraph.js";

/** Operands of a convolution by the name in the file, and the tensors of its constants. */
export interface ConvOperands {
  readonly x: string;
  readonly weight: HostTensor | undefined;
  readonly bias: HostTensor | undefined;
}

/** The convolution's inputs as names of dequantized values; undefined for one that is computed in float32. */
export function quantizedOperands(
  g: OnnxGraph,
  { attrs, name }: NodeOf<"conv2d">,
  { x, weight, bias }: ConvOperands,
): readonly string[] | undefined {
  const { quantization } = attrs;
  if (!quantization || quantization.wide || !weight || !isInteger(attrs, weight.shape)) return undefined;
  const { inputScale, inputZeroPoint, weightScales } = quantization;
  const scale = g.floats([inputScale]);
  const zeroPoint = g.bytes(inputZeroPoint);
  const input = g.once(`${x} in steps of ${scale} from ${zeroPoint}`, () => {
    const steps = g.node("QuantizeLinear", [x, scale, zeroPoint], `${x}.steps`);
    return g.node("DequantizeLinear", [steps, scale, zeroPoint], `${x}.rounded`);
  });
  const scales = g.initializer(`${name}.weight_scale`, tensor("float32", [weightScales.length], weightScales));
  const whole = g.initializer(`${name}.weight`, wholeWeight(weight, quantization));
  // ONNX Runtime takes a missing zero point for 0, other engines insist on one for each scale.
  const zeros = g.initializer(`${name}.weight_zero_point`, tensor("int8", [weightScales.length]));
  const kernel = g.node("DequantizeLinear", [whole, scales, zeros], `${name}.weight.floats`, { axis: 0 });
  return [input, kernel, ...(bias ? [biasOf(g, name, bias, quantization)] : [])];
}

function wholeWeight(weight: HostTensor, { weightScales }: ConvQuantization): HostTensor<"int8"> {
  const perOutput = elementCount(weight.shape) / weight.shape[0];
  const data = Int8Array.from({ length: weight.data.length }, (_, i) =>
    Math.round(Number(weight.data[i]) / weightScales[Math.floor(i / perOutput)]),
  );
  return tensor("int8", weight.shape, data);
}

/** In steps of what a product is worth, as engines add it to a sum of products; float32 where that is beyond int32. */
function biasOf(g: OnnxGraph, name: string, bias: HostTensor, quantization: ConvQuantization): string {
  const scales = quantization.weightScales.map((scale) => scale * quantization.inputScale);
  const steps = Array.from(scales, (scale, o) => Math.round(Number(bias.data[o]) / scale));
  if (steps.some((step) => !(Math.abs(step) < 2 ** 31))) return g.initializer(`${name}.bias`, bias);
  const whole = g.initializer(`${name}.bias`, tensor("int32", [steps.length], Int32Array.from(steps)));
  const scale = g.initializer(`${name}.bias_scale`, tensor("float32", [steps.length], scales));
  const zeros = g.initializer(`${name}.bias_zero_point`, tensor("int32", [steps.length]));
  return g.node("DequantizeLinear", [whole, scale, zeros], `${name}.bias.floats`, { axis: 0 });
}
