/** One lowering for each op that only training has. */

import * as kernels from "../../../kernels/wgsl/index.js";
import * as gradients from "../../../kernels/wgsl/train/index.js";
import {
  fakeQuantizeSteps,
  type GradientNode,
  type GradientNodeOf,
  type GradientType,
} from "../../../ops/gradients/index.js";
import { IDENTITY, type ValueId } from "../../../ops/index.js";
import { elementCount, toFloat32 } from "../../../tensor/index.js";
import { channelsOfStored, oneSegment, storedOfChannels } from "../../channels.js";
import type { Lowering } from "../lower/lowering.js";
import type { BlockedTensor, Constant, DenseTensor } from "../lower/plan.js";
import { emitAttentionGradient } from "./attention.js";

type Lower<T extends GradientType> = (lowering: Lowering, node: GradientNodeOf<T>) => void;

/** In tables of channels: zeros. */
const NONE = 0xffffffff;

const shapeOf = (lowering: Lowering, id: ValueId): readonly number[] => lowering.graph.values[id].shape;

/** Adds parts that a kernel writes: into the output at once where there is only one. */
function inParts(lowering: Lowering, y: DenseTensor, parts: number, emit: (to: DenseTensor) => void): void {
  const to = parts === 1 ? y : lowering.denseTemporary(parts * y.elements);
  emit(to);
  if (parts > 1) lowering.emit(gradients.sumPartsCall(parts, y.elements), [to, y]);
}

type WeightProblem = Omit<gradients.WeightGradientProblem, "input" | "output">;

function emitWeightGradient(
  lowering: Lowering,
  [x, dy]: readonly BlockedTensor[],
  y: DenseTensor,
  attrs: WeightProblem,
): void {
  const problem = { ...attrs, input: x.stored, output: dy.stored };
  const call = gradients.weightGradientCall(problem);
  const stored = channelsOfStored(x.segments).map((channel) => (channel < 0 ? NONE : channel));
  const table = attrs.groups === 1 ? [lowering.table("numbers", stored)] : [];
  inParts(lowering, y, gradients.weightGradientParts(problem), (to) => lowering.emit(call, [x, dy, ...table, to]));
}

/** Σ x · dy of each channel: the weight of a convolution whose groups are single channels. */
function emitProducts(lowering: Lowering, x: BlockedTensor, dy: BlockedTensor, y: DenseTensor): void {
  const channels = y.elements;
  // A single channel is no group, and the same.
  emitWeightGradient(lowering, [x, dy], y, {
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    inChannels: channels,
    outChannels: channels,
    groups: channels,
  });
}

const convWeightGradient: Lower<"convWeightGradient"> = (lowering, node) => {
  const [data, given] = node.inputs;
  const x = node.attrs.groups === 1 ? lowering.blocked(data) : lowering.compact(data);
  const dy = lowering.compact(given);
  const [inChannels, outChannels] = [shapeOf(lowering, data)[1], shapeOf(lowering, given)[1]];
  const y = lowering.denseOutput(node.outputs[0]);
  emitWeightGradient(lowering, [x, dy], y, { ...node.attrs, inChannels, outChannels });
};

const channelSum: Lower<"channelSum"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const y = lowering.denseOutput(node.outputs[0]);
  const call = gradients.channelSumCall(x.stored, y.elements);
  inParts(lowering, y, gradients.channelSumParts(x.stored), (to) => lowering.emit(call, [x, to]));
};

const activationGradient: Lower<"activationGradient"> = (lowering, { inputs, outputs, attrs: { activation } }) => {
  if (lowering.isPicture(outputs[0])) {
    const [x, dy] = inputs.map((id) => lowering.compact(id));
    const y = lowering.output(outputs[0]);
    lowering.emit(gradients.activationGradientCall(y.stored, activation), [x, dy, y]);
  } else {
    const [x, dy] = inputs.map((id) => lowering.dense(id));
    const y = lowering.denseOutput(outputs[0]);
    lowering.emit(gradients.activationGradientCall(lowering.asPixels(y), activation), [x, dy, y]);
  }
};

/** Of pictures: the inputs of convolutions. */
const fakeQuantize: Lower<"fakeQuantize"> = (lowering, { inputs, outputs, attrs }) => {
  const x = lowering.compact(inputs[0]);
  const y = lowering.output(outputs[0]);
  lowering.emit(gradients.fakeQuantizeCall(y.stored, fakeQuantizeSteps(attrs)), [x, y]);
};

const fakeQuantizeGradient: Lower<"fakeQuantizeGradient"> = (lowering, { inputs, outputs, attrs }) => {
  const [x, dy] = inputs.map((id) => lowering.compact(id));
  const y = lowering.output(outputs[0]);
  lowering.emit(gradients.fakeQuantizeGradientCall(y.stored, fakeQuantizeSteps(attrs)), [x, dy, y]);
};

const batchNormWeightGradient: Lower<"batchNormWeightGradient"> = (lowering, { inputs, outputs, attrs: { eps } }) => {
  const [x, dy] = inputs.slice(0, 2).map((id) => lowering.compact(id));
  const sources = inputs.slice(2).map((id) => lowering.constant(id));
  const [mean, variance] = sources.map((t) => toFloat32(t).data);
  const perChannel = (key: string, value: (scale: number, channel: number) => number): Constant =>
    lowering.weights(sources, `${key}:${eps}:${x.stored.quads}`, () => {
      const packed = new Float32Array(x.stored.quads * 4);
      mean.forEach((_, c) => {
        packed[c] = value(1 / Math.sqrt(variance[c] + eps), c);
      });
      return packed;
    });
  const scale = perChannel("normal scale", (factor) => factor);
  const shift = perChannel("normal shift", (factor, c) => -mean[c] * factor);
  const normal = lowering.temporary(x.stored, x.segments);
  lowering.emit(kernels.affineCall(x.stored), [x, scale, shift, normal]);
  emitProducts(lowering, normal, dy, lowering.denseOutput(outputs[0]));
};

const maxPoolGradient: Lower<"maxPoolGradient"> = (lowering, node) => {
  const [x, dy] = node.inputs.map((id) => lowering.compact(id));
  const places = lowering.temporary(dy.stored, dy.segments);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(gradients.maxPoolIndexCall(x.stored, dy.stored, node.attrs), [x, places]);
  lowering.emit(gradients.maxPoolGradientCall(x.stored, dy.stored, node.attrs), [places, dy, y]);
};

const sumBlocks: Lower<"sumBlocks"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const [scaleY, scaleX] = node.attrs.scale;
  lowering.emit(gradients.sumBlocksCall(x.stored, y.stored, [scaleY, scaleX]), [x, y]);
};

const insertChannels: Lower<"insertChannels"> = (lowering, node) => {
  const { start, channels } = node.attrs;
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const from = storedOfChannels(x.segments);
  const sources = Array.from({ length: y.stored.quads * 4 }, (_, c) => (c < channels ? from[c - start] : NONE) ?? NONE);
  lowering.emit(kernels.copyChannelsCall(x.stored, y.stored), [x, lowering.table("channels", sources), y]);
};

const sliceAxis: Lower<"sliceAxis"> = (lowering, node) => {
  const { axis, start, end } = node.attrs;
  const shape = shapeOf(lowering, node.inputs[0]);
  const inner = elementCount(shape.slice(axis + 1));
  const x = lowering.dense(node.inputs[0]);
  const y = lowering.denseOutput(node.outputs[0]);
  lowering.emit(gradients.sliceDenseCall((end - start) * inner, shape[axis] * inner, start * inner, y.elements), [
    x,
    y,
  ]);
};

const spreadPixels: Lower<"spreadPixels"> = (lowering, node) => {
  const [h, w] = node.attrs.size;
  const x = lowering.compact(node.inputs[0]);
  const shares = lowering.temporary(x.stored, x.segments);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.unaryCall(x.stored, IDENTITY, 1 / (h * w)), [x, shares]);
  lowering.emit(kernels.upsampleNearestCall(x.stored, y.stored, [h, w]), [shares, y]);
};

/** Row-major floats have no shape. */
const reshape: Lower<"reshape"> = (lowering, node) => {
  lowering.alias(node.outputs[0], lowering.dense(node.inputs[0]));
};

/** The kernel knows the order `contract`; in `focus`, rows and columns of a block have changed places. */
const spaceToDepthGradient: Lower<"spaceToDepthGradient"> = (lowering, node) => {
  const { block, order } = node.attrs;
  const channels = shapeOf(lowering, node.outputs[0])[1];
  let x = lowering.compact(node.inputs[0]);
  if (order === "focus") {
    const contracted = lowering.temporary(x.stored, x.segments);
    const sources = Array.from({ length: x.stored.quads * 4 }, (_, c) => {
      const [slice, channel] = [Math.floor(c / channels), c % channels];
      const [row, column] = [Math.floor(slice / block), slice % block];
      return row < block ? (column * block + row) * channels + channel : NONE;
    });
    const table = lowering.table("channels", sources);
    lowering.emit(kernels.copyChannelsCall(x.stored, x.stored), [x, table, contracted]);
    x = contracted;
  }
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.depthToSpaceCall(x.stored, y.stored, channels, block), [x, y]);
};

const softmaxGradient: Lower<"softmaxGradient"> = (lowering, node) => {
  const { axis } = node.attrs;
  const shape = shapeOf(lowering, node.outputs[0]);
  const [s, dy] = node.inputs.map((id) => lowering.dense(id));
  const y = lowering.denseOutput(node.outputs[0]);
  const [outer, inner] = [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis + 1))];
  lowering.emit(gradients.softmaxGradientCall(outer, shape[axis], inner), [s, dy, y]);
};

const layerNormGradient: Lower<"layerNormGradient"> = (lowering, { inputs, outputs, attrs: { eps } }) => {
  const [x, dy] = [inputs[0], inputs[2]].map((id) => lowering.compact(id));
  const source = lowering.constant(inputs[1]);
  const { quads } = x.stored;
  const weight = lowering.weights([source], `bias${quads}`, () => {
    const packed = new Float32Array(quads * 4);
    packed.set(toFloat32(source).data);
    return packed;
  });
  const y = lowering.output(outputs[0]);
  lowering.emit(gradients.layerNormGradientCall(x.stored, source.data.length, eps), [x, weight, dy, y]);
};

const layerNormWeightGradient: Lower<"layerNormWeightGradient"> = (lowering, { inputs, outputs, attrs: { eps } }) => {
  const [x, dy] = inputs.map((id) => lowering.compact(id));
  const y = lowering.denseOutput(outputs[0]);
  const { quads } = x.stored;
  const everywhere = (value: number): Constant =>
    lowering.weights([], `everywhere ${value}:${quads}`, () => new Float32Array(quads * 4).fill(value));
  const normal = lowering.temporary(x.stored, oneSegment(y.elements));
  lowering.emit(kernels.layerNormCall(x.stored, y.elements, eps), [x, everywhere(1), everywhere(0), normal]);
  emitProducts(lowering, normal, dy, y);
};

const LOWER: { readonly [T in GradientType]: Lower<T> } = {
  convWeightGradient,
  channelSum,
  activationGradient,
  batchNormWeightGradient,
  maxPoolGradient,
  sumBlocks,
  insertChannels,
  sliceAxis,
  spreadPixels,
  reshape,
  spaceToDepthGradient,
  softmaxGradient,
  layerNormGradient,
  layerNormWeightGradient,
  attentionGradient: emitAttentionGradient,
  fakeQuantize,
  fakeQuantizeGradient,
};

/** Appends the steps of one node. */
export function lowerGradient(lowering: Lowering, node: GradientNode): void {
  (LOWER[node.type] as (lowering: Lowering, node: GradientNode) => void)(lowering, node);
}
