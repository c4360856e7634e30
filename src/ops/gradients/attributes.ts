/**
 * Attributes of the ops that only training has: what gradients are computed with, beside the ops of inference, and rounding that a
 * gradient passes through.
 */

import type { OpAttributes, Pair } from "../attributes.js";

export interface GradientAttributes {
  /**
   * Of conv2d with respect to its weight. Inputs: x [N,C,H,W], dy [N,O,H',W']; output [O,C/groups,kh,kw]. That of convTranspose2d
   * is the same with its two inputs changed over.
   */
  convWeightGradient: {
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: Pair;
    readonly dilation: Pair;
    readonly groups: number;
  };
  /** [N,C,H,W] → [C]: the gradient of a bias. */
  channelSum: Record<never, never>;
  /** Inputs: x (before the activation), dy. */
  activationGradient: OpAttributes["activation"];
  /** With respect to γ. Inputs: x, dy, running mean, running variance; output [C]. */
  batchNormWeightGradient: OpAttributes["batchNorm"];
  /** Inputs: x, dy. What a window gives goes to its first largest element, as in PyTorch. */
  maxPoolGradient: OpAttributes["maxPool2d"];
  /** Sums over blocks of pixels: the gradient of upsampleNearest. */
  sumBlocks: { readonly scale: Pair };
  /** [N,C,H,W] among `channels` channels, from `start` on; zeros around: the gradient of sliceChannels. */
  insertChannels: { readonly start: number; readonly channels: number };
  /** Elements [start, end) of an axis: the gradient of a concat that is not along channels. */
  sliceAxis: { readonly axis: number; readonly start: number; readonly end: number };
  /** [N,C,1,1] → [N,C,h,w], divided by h·w: the gradient of globalAveragePool. */
  spreadPixels: { readonly size: Pair };
  reshape: { readonly shape: readonly number[] };
  /** Inverse of spaceToDepth. */
  spaceToDepthGradient: OpAttributes["spaceToDepth"];
  /** Inputs: y (what softmax gave), dy. */
  softmaxGradient: OpAttributes["softmax"];
  /** With respect to x. Inputs: x, weight, dy. */
  layerNormGradient: OpAttributes["layerNorm"];
  /** With respect to the weight. Inputs: x, dy; output [C]. */
  layerNormWeightGradient: OpAttributes["layerNorm"];
  /** With respect to one of its inputs. Inputs: q, k, v, dy. */
  attentionGradient: OpAttributes["attention"] & { readonly of: "q" | "k" | "v" };
  /** x in whole steps from the zero point, 0 … 255 as stored, × scale: what an integer convolution sees of its input. */
  fakeQuantize: { readonly scale: number; readonly zeroPoint: number };
  /** dy where x is not clipped. Inputs: x, dy. */
  fakeQuantizeGradient: GradientAttributes["fakeQuantize"];
}

export type GradientType = keyof GradientAttributes;
