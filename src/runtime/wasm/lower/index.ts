/** One lowering per op: nodes of the graph become steps. */

import { detectKernel } from "../../../kernels/wasm/index.js";
import type { Node, NodeOf, OpType } from "../../../ops/index.js";
import { channelCount } from "../../channels.js";
import { lowerConv } from "./conv/conv.js";
import { lowerConvTranspose } from "./conv/convTranspose.js";
import type { Lowering } from "./lowering.js";
import {
  lowerConcat,
  lowerDepthToSpace,
  lowerFlatten,
  lowerPad,
  lowerSlice,
  lowerSpaceToDepth,
  lowerUpsample,
} from "./moves.js";
import { lowerActivation, lowerAdd, lowerBatchNorm, lowerMaxPool, lowerScale } from "./pointwise.js";
import { lowerAttention, lowerGlobalAveragePool, lowerLayerNorm, lowerSoftmax } from "./reduce.js";

function lowerDetect(lowering: Lowering, node: NodeOf<"detect">): void {
  const { anchors, strides, outputs, maskCoefficients } = node.attrs;
  const [, rows] = lowering.shape(node.outputs[0]);
  const views = node.inputs.map((id) => lowering.compact(id));
  const out = lowering.outputDense(node.outputs[0]);
  let first = 0;
  views.forEach((view, level) => {
    const na = anchors[level].length / 2;
    const table = lowering.constant(`anchors ${anchors[level]}`, [], na * 2, (target) => target.set(anchors[level]));
    lowering.step(
      detectKernel(),
      {
        x: { storage: view.storage, offset: view.offset },
        xPixel: view.pixelBytes,
        height: view.h,
        width: view.w,
        anchors: channelCount(view.segments) / outputs,
        anchorTable: table,
        outputs,
        raw: maskCoefficients,
        out: { storage: out.storage, offset: out.offset },
        imageBytes: rows * outputs * 4,
        levelBytes: first * outputs * 4,
        stride: { float: strides[level] },
      },
      view.n * view.h,
    );
    first += na * view.h * view.w;
  });
}

const LOWERINGS: { readonly [T in OpType]: (lowering: Lowering, node: NodeOf<T>) => void } = {
  conv2d: lowerConv,
  convTranspose2d: lowerConvTranspose,
  batchNorm: lowerBatchNorm,
  activation: lowerActivation,
  maxPool2d: lowerMaxPool,
  upsampleNearest: lowerUpsample,
  concat: lowerConcat,
  add: lowerAdd,
  scale: lowerScale,
  pad2d: lowerPad,
  spaceToDepth: lowerSpaceToDepth,
  depthToSpace: lowerDepthToSpace,
  globalAveragePool: lowerGlobalAveragePool,
  flatten: lowerFlatten,
  softmax: lowerSoftmax,
  layerNorm: lowerLayerNorm,
  attention: lowerAttention,
  sliceChannels: lowerSlice,
  detect: lowerDetect,
};

/** Appends the steps of one node. */
export function lowerNode(lowering: Lowering, node: Node): void {
  (LOWERINGS[node.type] as (lowering: Lowering, node: Node) => void)(lowering, node);
}
