/** Weights that stay bytes in the device's memory: the graph has them as whole numbers × the scale of their output channel. */

import { type HostTensor, toFloat32 } from "../../../tensor/index.js";
import type { Lowering } from "./lowering.js";
import type { Constant } from "./plan.js";

/** The whole numbers, in the order of the weights. */
export function wholeWeights(weight: HostTensor, scales: Float32Array): Float32Array {
  const perOutput = weight.data.length / scales.length;
  return toFloat32(weight).data.map((value, i) => Math.round(value / scales[Math.floor(i / perOutput)]));
}

/** Packed whole numbers, four to a word. */
export function packedBytes(packed: Float32Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(Int8Array.from(packed).buffer);
}

/** The biases in steps of their channels' scales, then the scales, each in so many quads. */
export function biasAndScales(bias: Float32Array | undefined, scales: Float32Array, quads: number) {
  const packed = new Float32Array(quads * 8);
  if (bias) packed.set(bias.map((value, o) => value / scales[o]));
  packed.set(scales, quads * 4);
  return packed;
}

export function scaledBias(
  lowering: Lowering,
  weight: HostTensor,
  bias: HostTensor | undefined,
  scales: Float32Array,
  quads: number,
): Constant {
  const build = () => biasAndScales(bias && toFloat32(bias).data, scales, quads);
  return lowering.weights(bias ? [weight, bias] : [weight], `scaled bias${quads}`, build);
}
