/** Every op by its type. */

import { activationOp } from "./activations.js";
import { addOp, scaleOp } from "./arithmetic.js";
import { attentionOp } from "./attention.js";
import type { OpType } from "./attributes.js";
import { conv2dOp } from "./conv2d.js";
import { convTranspose2dOp } from "./convTranspose2d.js";
import type { NodeOf } from "./graph/graph.js";
import { detectOp } from "./heads/detect.js";
import { detectAnchorFreeOp } from "./heads/detectAnchorFree.js";
import { batchNormOp, layerNormOp, softmaxOp } from "./normalize.js";
import type { Op } from "./op.js";
import { globalAveragePoolOp, maxPool2dOp } from "./pool.js";
import {
  concatOp,
  depthToSpaceOp,
  flattenOp,
  pad2dOp,
  sliceChannelsOp,
  spaceToDepthOp,
  upsampleNearestOp,
} from "./rearrange.js";

export const OPS: { readonly [T in OpType]: Op<T> } = {
  conv2d: conv2dOp,
  convTranspose2d: convTranspose2dOp,
  batchNorm: batchNormOp,
  activation: activationOp,
  maxPool2d: maxPool2dOp,
  upsampleNearest: upsampleNearestOp,
  concat: concatOp,
  add: addOp,
  scale: scaleOp,
  pad2d: pad2dOp,
  spaceToDepth: spaceToDepthOp,
  depthToSpace: depthToSpaceOp,
  globalAveragePool: globalAveragePoolOp,
  flatten: flattenOp,
  softmax: softmaxOp,
  layerNorm: layerNormOp,
  attention: attentionOp,
  sliceChannels: sliceChannelsOp,
  detect: detectOp,
  detectAnchorFree: detectAnchorFreeOp,
};

/** The op of a node, typed so that it accepts the node's own attributes. */
export function opOf<T extends OpType>(node: NodeOf<T>): Op<T> {
  return OPS[node.type];
}
