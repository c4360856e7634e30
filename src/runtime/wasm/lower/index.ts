/** One lowering per op: nodes of the graph become steps. */

import type { Node, NodeOf, OpType } from "../../../ops/index.js";
import { lowerConv } from "./conv/conv.js";
import { lowerConvTranspose } from "./conv/convTranspose.js";
import { lowerDetect, lowerDetectAnchorFree } from "./heads.js";
import { integerConv } from "./integers/conv.js";
import { planIntegers } from "./integers/plan.js";
import { lowerStored, movesIntegers } from "./integers/stored.js";
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
  detectAnchorFree: lowerDetectAnchorFree,
};

/** Decides which values are stored in integers; comes before the first node. */
export function planGraph(lowering: Lowering): void {
  planIntegers(lowering, (node) => integerConv(lowering, node)?.quantization);
}

/** Appends the steps of one node. */
export function lowerNode(lowering: Lowering, node: Node): void {
  if (lowering.integers.has(node.outputs[0]) && movesIntegers(node)) {
    lowerStored(lowering, node);
    return;
  }
  (LOWERINGS[node.type] as (lowering: Lowering, node: Node) => void)(lowering, node);
}
