/** Lowering of convolutions: choosing the kernel, putting its weights in order. */

import { UnsupportedError } from "../../errors.js";
import {
  type ConvKernel,
  type ConvProblem,
  type ConvTransposeProblem,
  convTranspose2dCall,
  packTransposed,
} from "../../kernels/wgsl/index.js";
import type { NodeOf } from "../../ops/index.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";
import { channelsOf, channelsOfStored, isPlain } from "./channelMap.js";
import type { Lowering } from "./lowering.js";
import type { Constant } from "./plan.js";

const floatsOf = (t: HostTensor): Float32Array => toFloat32(t).data;

/** Bias in quads, zeros where there is none. */
function biasConstant(lowering: Lowering, bias: HostTensor | undefined, quads: number): Constant {
  return lowering.weights(bias ? [bias] : [], `bias${quads}`, () => {
    const packed = new Float32Array(quads * 4);
    if (bias) packed.set(floatsOf(bias));
    return packed;
  });
}

export function lowerConv2d(lowering: Lowering, node: NodeOf<"conv2d">, kernels: readonly ConvKernel[]): void {
  const { attrs, inputs } = node;
  const weight = lowering.constant(inputs[1]);
  const bias = attrs.hasBias ? lowering.constant(inputs[2]) : undefined;
  const x = attrs.groups === 1 ? lowering.blocked(inputs[0]) : lowering.blockedPlain(inputs[0]);
  const residual = attrs.hasResidual ? lowering.blockedPlain(inputs[inputs.length - 1]) : undefined;
  const y = lowering.output(node.outputs[0]);
  const [outChannels, , kh, kw] = weight.shape;
  const problem: ConvProblem = {
    input: x.stored,
    output: y.stored,
    inChannels: channelsOf(x.map),
    outChannels,
    kernel: [kh, kw],
    stride: attrs.stride,
    padding: attrs.padding,
    dilation: attrs.dilation,
    groups: attrs.groups,
    activation: attrs.activation,
    hasResidual: attrs.hasResidual,
    inputChannels: channelsOfStored(x.map),
    plainInput: isPlain(x.map),
  };
  const kernel = kernels.find((candidate) => candidate.supports(problem));
  if (!kernel) {
    throw new UnsupportedError(`conv2d: no kernel for ${node.name} among ${kernels.map((k) => k.name).join(", ")}`);
  }
  const packed = lowering.weights([weight], kernel.packing(problem), () => kernel.pack(floatsOf(weight), problem));
  const packedBias = biasConstant(lowering, bias, kernel.biasQuads(problem));
  lowering.emit(kernel.call(problem), [x, packed, packedBias, residual ?? packedBias, y]);
}

export function lowerConvTranspose2d(lowering: Lowering, node: NodeOf<"convTranspose2d">): void {
  const { attrs, inputs } = node;
  const weight = lowering.constant(inputs[1]);
  const bias = attrs.hasBias ? lowering.constant(inputs[2]) : undefined;
  const x = lowering.blockedPlain(inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const [inChannels, perGroup, kh, kw] = weight.shape;
  const problem: ConvTransposeProblem = {
    input: x.stored,
    output: y.stored,
    inChannels,
    outChannels: perGroup * attrs.groups,
    kernel: [kh, kw],
    stride: attrs.stride,
    padding: attrs.padding,
    dilation: attrs.dilation,
    groups: attrs.groups,
    activation: attrs.activation,
  };
  const packed = lowering.weights([weight], `transposed${attrs.groups}`, () =>
    packTransposed(floatsOf(weight), problem),
  );
  lowering.emit(convTranspose2dCall(problem), [x, packed, biasConstant(lowering, bias, y.stored.quads), y]);
}
