/** Every op that only training has, by its type. */

import { activationGradientOp } from "./activation.js";
import { attentionGradientOp } from "./attention.js";
import type { GradientType } from "./attributes.js";
import { channelSumOp, convWeightGradientOp } from "./convolution.js";
import { fakeQuantizeGradientOp, fakeQuantizeOp } from "./fakeQuantize.js";
import type { GradientOp } from "./gradientOp.js";
import {
  insertChannelsOp,
  reshapeOp,
  sliceAxisOp,
  spaceToDepthGradientOp,
  spreadPixelsOp,
  sumBlocksOp,
} from "./moves.js";
import {
  batchNormWeightGradientOp,
  layerNormGradientOp,
  layerNormWeightGradientOp,
  softmaxGradientOp,
} from "./normalize.js";
import { maxPoolGradientOp } from "./pool.js";

export const GRADIENT_OPS: { readonly [T in GradientType]: GradientOp<T> } = {
  convWeightGradient: convWeightGradientOp,
  channelSum: channelSumOp,
  activationGradient: activationGradientOp,
  batchNormWeightGradient: batchNormWeightGradientOp,
  maxPoolGradient: maxPoolGradientOp,
  sumBlocks: sumBlocksOp,
  insertChannels: insertChannelsOp,
  sliceAxis: sliceAxisOp,
  spreadPixels: spreadPixelsOp,
  reshape: reshapeOp,
  spaceToDepthGradient: spaceToDepthGradientOp,
  softmaxGradient: softmaxGradientOp,
  layerNormGradient: layerNormGradientOp,
  layerNormWeightGradient: layerNormWeightGradientOp,
  attentionGradient: attentionGradientOp,
  fakeQuantize: fakeQuantizeOp,
  fakeQuantizeGradient: fakeQuantizeGradientOp,
};
