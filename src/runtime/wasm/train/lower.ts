/** One lowering for each op that only training has. */

import {
  activationGradientKernel,
  channelSum,
  fakeQuantizeGradientKernel,
  fakeQuantizeKernel,
  MAX_POOL_GRADIENT_SCRATCH,
  maxPoolGradient,
  SUM_VECTORS,
  sumBlocks,
} from "../../../kernels/wasm/train/index.js";
import {
  fakeQuantizeSteps,
  type GradientAttributes,
  type GradientNode,
  type GradientNodeOf,
  type GradientType,
} from "../../../ops/gradients/index.js";
import { elementCount } from "../../../tensor/index.js";
import { storedChannels } from "../../channels.js";
import { type Nhwc, pixelRows } from "../lower/layout.js";
import type { Lowering } from "../lower/lowering.js";
import { elementwise, scaleRun } from "../lower/pointwise.js";
import type { Address } from "../lower/storages.js";
import { lowerAttentionGradient } from "./attention.js";
import {
  lowerBatchNormWeightGradient,
  lowerLayerNormGradient,
  lowerLayerNormWeightGradient,
  lowerSoftmaxGradient,
} from "./normalize.js";
import { lowerWeightGradient } from "./weightGradient.js";

type Lower<T extends GradientType> = (lowering: Lowering, node: GradientNodeOf<T>) => void;

const at = (view: Nhwc, bytes = 0): Address => ({ storage: view.storage, offset: view.offset + bytes });
const rowOf = (view: Nhwc): number => view.w * view.pixelBytes;
const imageOf = (view: Nhwc): number => view.h * rowOf(view);

const lowerChannelSum: Lower<"channelSum"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const out = lowering.outputDense(node.outputs[0]);
  const [channels] = out.shape;
  lowering.step(
    channelSum(),
    {
      x: at(x),
      xPixel: x.pixelBytes,
      pixels: x.n * x.h * x.w,
      channels,
      out: { storage: out.storage, offset: out.offset },
    },
    Math.ceil(channels / (SUM_VECTORS * 4)),
  );
};

const lowerSumBlocks: Lower<"sumBlocks"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const out = lowering.outputNhwc(node.outputs[0]);
  lowering.step(
    sumBlocks(),
    {
      x: at(x),
      xPixel: x.pixelBytes,
      xRow: rowOf(x),
      xImage: imageOf(x),
      scaleY: node.attrs.scale[0],
      scaleX: node.attrs.scale[1],
      height: out.h,
      width: out.w,
      channels: storedChannels(out.segments),
      out: at(out),
      outPixel: out.pixelBytes,
      outRow: rowOf(out),
      outImage: imageOf(out),
    },
    out.n * out.h,
  );
};

const lowerMaxPoolGradient: Lower<"maxPoolGradient"> = (lowering, node) => {
  const [x, dy] = node.inputs.map((id) => lowering.compact(id));
  const out = lowering.outputNhwc(node.outputs[0]);
  const { kernel, stride, padding, dilation } = node.attrs;
  const vectors = storedChannels(out.segments) / 4;
  const [from, given, to] = [x, dy, out].map(pixelRows);
  lowering.scratchBytes = Math.max(lowering.scratchBytes, MAX_POOL_GRADIENT_SCRATCH);
  lowering.step(
    maxPoolGradient(),
    {
      x: at(x),
      xPixel: from.pixelBytes,
      xRow: from.rowBytes,
      xImage: from.imageBytes,
      inHeight: x.h,
      inWidth: x.w,
      dy: at(dy),
      dyPixel: given.pixelBytes,
      dyRow: given.rowBytes,
      dyImage: given.imageBytes,
      height: dy.h,
      width: dy.w,
      kernelY: kernel[0],
      kernelX: kernel[1],
      strideY: stride[0],
      strideX: stride[1],
      padY: padding[0],
      padX: padding[1],
      dilationY: dilation[0],
      dilationX: dilation[1],
      vectors,
      out: at(out),
      outPixel: to.pixelBytes,
      outRow: to.rowBytes,
      outImage: to.imageBytes,
    },
    out.n * vectors,
  );
};

const lowerInsertChannels: Lower<"insertChannels"> = (lowering, node) => {
  const { start } = node.attrs;
  const x = lowering.compact(node.inputs[0]);
  const out = lowering.outputNhwc(node.outputs[0]);
  const channels = lowering.shape(node.inputs[0])[1];
  const stored = storedChannels(out.segments);
  const copy = (from: Address, pixel: number, channel: number, first: number, count: number): void => {
    lowering.copy(
      from,
      at(out, first * 4),
      [out.n * out.h, 1, 1, 1, out.w, count],
      [pixel * out.w, 0, 0, 0, pixel, channel],
      [rowOf(out), 0, 0, 0, out.pixelBytes, 4],
    );
  };
  copy(lowering.zeroPage(1), 0, 0, 0, start);
  copy(at(x), x.pixelBytes, 4, start, channels);
  copy(lowering.zeroPage(1), 0, 0, start + channels, stored - start - channels);
};

const lowerSliceAxis: Lower<"sliceAxis"> = (lowering, node) => {
  const { axis, start, end } = node.attrs;
  const x = lowering.dense(node.inputs[0]);
  const out = lowering.outputDense(node.outputs[0]);
  const inner = elementCount(x.shape.slice(axis + 1));
  const kept = (end - start) * inner;
  lowering.copy(
    { storage: x.storage, offset: x.offset + start * inner * 4 },
    { storage: out.storage, offset: out.offset },
    [elementCount(x.shape.slice(0, axis)), 1, 1, 1, 1, kept],
    [x.shape[axis] * inner * 4, 0, 0, 0, 0, 4],
    [kept * 4, 0, 0, 0, 0, 4],
  );
};

const lowerSpreadPixels: Lower<"spreadPixels"> = (lowering, node) => {
  const [h, w] = node.attrs.size;
  const x = lowering.compact(node.inputs[0]);
  const out = lowering.outputNhwc(node.outputs[0]);
  const floats = storedChannels(out.segments);
  lowering.copy(
    at(x),
    at(out),
    [out.n, out.h, 1, 1, out.w, floats],
    [x.pixelBytes, 0, 0, 0, 0, 4],
    [imageOf(out), rowOf(out), 0, 0, out.pixelBytes, 4],
  );
  scaleRun(lowering, out, 1 / (h * w));
};

const lowerReshape: Lower<"reshape"> = (lowering, node) => {
  const { storage, offset } = lowering.dense(node.inputs[0]);
  lowering.aliasDense(node.outputs[0], { storage, offset, shape: node.attrs.shape });
};

const lowerSpaceToDepthGradient: Lower<"spaceToDepthGradient"> = (lowering, node) => {
  const { block, order } = node.attrs;
  const x = lowering.compact(node.inputs[0]);
  const out = lowering.outputNhwc(node.outputs[0]);
  const channels = lowering.shape(node.outputs[0])[1];
  for (let slice = 0; slice < block * block; slice++) {
    const [major, minor] = [Math.floor(slice / block), slice % block];
    const [dy, dx] = order === "focus" ? [minor, major] : [major, minor];
    lowering.copy(
      at(x, slice * channels * 4),
      at(out, dy * rowOf(out) + dx * out.pixelBytes),
      [x.n, x.h, 1, 1, x.w, channels],
      [imageOf(x), rowOf(x), 0, 0, x.pixelBytes, 4],
      [imageOf(out), block * rowOf(out), 0, 0, block * out.pixelBytes, 4],
    );
  }
  lowering.clearGaps(out);
};

const LOWERINGS: { readonly [T in keyof GradientAttributes]: Lower<T> } = {
  convWeightGradient: lowerWeightGradient,
  channelSum: lowerChannelSum,
  activationGradient: (lowering, node) =>
    elementwise(lowering, activationGradientKernel(node.attrs.activation), node.inputs, node.outputs[0]),
  maxPoolGradient: lowerMaxPoolGradient,
  sumBlocks: lowerSumBlocks,
  insertChannels: lowerInsertChannels,
  sliceAxis: lowerSliceAxis,
  spreadPixels: lowerSpreadPixels,
  reshape: lowerReshape,
  spaceToDepthGradient: lowerSpaceToDepthGradient,
  batchNormWeightGradient: lowerBatchNormWeightGradient,
  softmaxGradient: lowerSoftmaxGradient,
  layerNormGradient: lowerLayerNormGradient,
  layerNormWeightGradient: lowerLayerNormWeightGradient,
  attentionGradient: lowerAttentionGradient,
  fakeQuantize: (lowering, { inputs, outputs, attrs }) =>
    elementwise(lowering, fakeQuantizeKernel(fakeQuantizeSteps(attrs)), inputs, outputs[0]),
  fakeQuantizeGradient: (lowering, { inputs, outputs, attrs }) =>
    elementwise(lowering, fakeQuantizeGradientKernel(fakeQuantizeSteps(attrs)), inputs, outputs[0]),
};

/** Appends the steps of one node. */
export function lowerGradient(lowering: Lowering, node: GradientNode): void {
  (LOWERINGS[node.type] as (lowering: Lowering, node: GradientNode) => void)(lowering, node);
}
