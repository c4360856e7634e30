/** Lowering of convolutions: choosing the kernel, putting its weights in order. */

import { UnsupportedError } from "../../../errors.js";
import {
  type ConvKernel,
  type ConvProblem,
  type ConvTransposeProblem,
  convTranspose2dCall,
  packBlocksCall,
  packTransposed,
} from "../../../kernels/wgsl/index.js";
import type { NodeOf, ValueId } from "../../../ops/index.js";
import { type HostTensor, toFloat32 } from "../../../tensor/index.js";
import { channelCount, channelsOfStored, isOneSegment, oneSegment } from "../../channels.js";
import { packedBytes, scaledBias, wholeWeights } from "./byteWeights.js";
import type { Lowering } from "./lowering.js";
import type { BlockedTensor, Constant } from "./plan.js";

const floatsOf = (t: HostTensor): Float32Array => toFloat32(t).data;

/** Bias in quads, zeros where there is none. */
function biasConstant(lowering: Lowering, bias: HostTensor | undefined, quads: number): Constant {
  return lowering.weights(bias ? [bias] : [], `bias${quads}`, () => {
    const packed = new Float32Array(quads * 4);
    if (bias) packed.set(floatsOf(bias));
    return packed;
  });
}

/**
 * The stem: a convolution of stride 2 with an even window over a picture as the caller gave it. Packing folds 2×2 blocks
 * of pixels into channels (`pack_blocks.wgsl`), which leaves a convolution of stride 1 over half the window: 3×3 over 12
 * channels in place of 6×6 over 3 channels that would be padded to 4.
 */
function foldsBlocks(lowering: Lowering, node: NodeOf<"conv2d">): boolean {
  const { stride, padding, dilation, groups } = node.attrs;
  const [, channels, height, width] = lowering.graph.values[node.inputs[0]].shape;
  const [, , kh, kw] = lowering.constant(node.inputs[1]).shape;
  const even = [...padding, height, width, kh, kw].every((v) => v % 2 === 0);
  const dense = lowering.onlyDense(node.inputs[0]) !== undefined;
  return (
    dense && even && groups === 1 && channels <= 4 && stride.every((s) => s === 2) && dilation.every((d) => d === 1)
  );
}

/** OIHW weights over the folded picture: [o][(dy · 2 + dx) · C + c][kh ÷ 2][kw ÷ 2]. */
function foldWeights(weight: Float32Array, [o, c, kh, kw]: readonly number[]): Float32Array {
  const folded = new Float32Array(weight.length);
  for (let i = 0; i < o; i++) {
    for (let k = 0; k < c; k++) {
      for (let y = 0; y < kh; y++) {
        for (let x = 0; x < kw; x++) {
          const channel = ((y & 1) * 2 + (x & 1)) * c + k;
          const to = ((i * 4 * c + channel) * (kh / 2) + (y >> 1)) * (kw / 2) + (x >> 1);
          folded[to] = weight[((i * c + k) * kh + y) * kw + x];
        }
      }
    }
  }
  return folded;
}

/** The picture with 2×2 blocks folded into channels, and the problem that is left. */
function foldedInput(lowering: Lowering, id: ValueId): BlockedTensor {
  const [n, c, h, w] = lowering.graph.values[id].shape;
  const segments = oneSegment(4 * c);
  const made = lowering.temporary(lowering.stored(n, 4 * c, h / 2, w / 2), segments);
  lowering.emit(packBlocksCall(c, made.stored), [lowering.dense(id), made]);
  return made;
}

/** The kernel for a problem of a node. */
export type ConvChoice = (problem: ConvProblem, node: string) => ConvKernel;

export function lowerConv2d(lowering: Lowering, node: NodeOf<"conv2d">, choice: ConvChoice): void {
  const { attrs, inputs } = node;
  const weight = lowering.constant(inputs[1]);
  const bias = attrs.hasBias ? lowering.constant(inputs[2]) : undefined;
  const folds = foldsBlocks(lowering, node);
  const x = folds
    ? foldedInput(lowering, inputs[0])
    : attrs.groups === 1
      ? lowering.blocked(inputs[0])
      : lowering.compact(inputs[0]);
  const residual = attrs.hasResidual ? lowering.compact(inputs[inputs.length - 1]) : undefined;
  const y = lowering.output(node.outputs[0]);
  const [outChannels, , kh, kw] = weight.shape;
  const scales = attrs.groups === 1 && !attrs.quantization?.wide ? attrs.quantization?.weightScales : undefined;
  const inPlace = residual?.storage === y.storage && residual.byteOffset === y.byteOffset;
  const problem: ConvProblem = {
    input: x.stored,
    output: y.stored,
    inChannels: channelCount(x.segments),
    outChannels,
    kernel: folds ? [kh / 2, kw / 2] : [kh, kw],
    stride: folds ? [1, 1] : attrs.stride,
    padding: folds ? [attrs.padding[0] / 2, attrs.padding[1] / 2] : attrs.padding,
    dilation: attrs.dilation,
    groups: attrs.groups,
    ...(scales ? { byteWeights: true } : {}),
    activation: attrs.activation,
    residual: inPlace ? "output" : residual ? "input" : "none",
    inputChannels: channelsOfStored(x.segments),
    compactInput: isOneSegment(x.segments),
  };
  const kernel = choice(problem, node.name);
  if (!kernel.supports(problem)) throw new UnsupportedError(`conv2d: ${kernel.name} cannot do ${node.name}`);
  const packing = `${folds ? "folded:" : ""}${kernel.packing(problem)}`;
  const pack = (floats: Float32Array) =>
    kernel.pack(folds ? foldWeights(floats, weight.shape) : floats, problem) as Float32Array<ArrayBuffer>;
  const quads = kernel.biasQuads(problem);
  const packed = scales
    ? lowering.weights([weight], `bytes:${packing}`, () => packedBytes(pack(wholeWeights(weight, scales))))
    : lowering.kernelWeights(weight, packing, () => pack(floatsOf(weight)));
  const packedBias = scales ? scaledBias(lowering, weight, bias, scales, quads) : biasConstant(lowering, bias, quads);
  const call = kernel.call(problem);
  lowering.emit(scales ? { ...call, byteWeights: true } : call, [
    x,
    packed,
    packedBias,
    inPlace ? packedBias : (residual ?? packedBias),
    y,
  ]);
}

export function lowerConvTranspose2d(lowering: Lowering, node: NodeOf<"convTranspose2d">): void {
  const { attrs, inputs } = node;
  const weight = lowering.constant(inputs[1]);
  const bias = attrs.hasBias ? lowering.constant(inputs[2]) : undefined;
  const x = lowering.compact(inputs[0]);
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
  const packed = lowering.kernelWeights(weight, `transposed${attrs.groups}`, () =>
    packTransposed(floatsOf(weight), problem),
  );
  lowering.emit(convTranspose2dCall(problem), [x, packed, biasConstant(lowering, bias, y.stored.quads), y]);
}
