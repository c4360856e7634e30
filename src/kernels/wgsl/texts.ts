/**
 * The sources of all shaders by name, for a worker whose program does not contain them because its page already has
 * them.
 */

import convTranspose2d from "./conv/conv_transpose2d.wgsl";
import convWindow from "./conv/conv_window.wgsl";
import conv2dDepthwise from "./conv/conv2d_depthwise.wgsl";
import conv2dNaive from "./conv/conv2d_naive.wgsl";
import conv2dWinograd from "./conv/conv2d_winograd.wgsl";
import conv2d1x1 from "./conv/gemm/conv2d_1x1.wgsl";
import conv2dDirect from "./conv/gemm/conv2d_direct.wgsl";
import conv2dSplit from "./conv/gemm/conv2d_split.wgsl";
import conv2dSubgroup from "./conv/gemm/conv2d_subgroup.wgsl";
import conv2dTiled from "./conv/gemm/conv2d_tiled.wgsl";
import weightsBytes from "./conv/weights_bytes.wgsl";
import weightsFloat from "./conv/weights_float.wgsl";
import decode from "./head/decode.wgsl";
import decodeAnchorFree from "./head/decode_anchor_free.wgsl";
import detect from "./head/detect.wgsl";
import detectAnchorFree from "./head/detect_anchor_free.wgsl";
import detectAnchorFreeCandidates from "./head/detect_anchor_free_candidates.wgsl";
import detectCandidates from "./head/detect_candidates.wgsl";
import score from "./head/score.wgsl";
import activation from "./map/activation.wgsl";
import add from "./map/add.wgsl";
import affine from "./map/affine.wgsl";
import unary from "./map/unary.wgsl";
import concatDense from "./move/concat_dense.wgsl";
import copyChannels from "./move/copy_channels.wgsl";
import depthToSpace from "./move/depth_to_space.wgsl";
import packBlocks from "./move/pack_blocks.wgsl";
import packNchw from "./move/pack_nchw.wgsl";
import pad2d from "./move/pad2d.wgsl";
import spaceToDepth from "./move/space_to_depth.wgsl";
import unpackNchw from "./move/unpack_nchw.wgsl";
import upsampleNearest from "./move/upsample_nearest.wgsl";
import letterbox from "./picture/letterbox.wgsl";
import pixelsBytes from "./picture/pixels_bytes.wgsl";
import pixelsTexture from "./picture/pixels_texture.wgsl";
import attentionApply from "./reduce/attention_apply.wgsl";
import attentionScores from "./reduce/attention_scores.wgsl";
import findOverflow from "./reduce/find_overflow.wgsl";
import globalAveragePool from "./reduce/global_average_pool.wgsl";
import layerNorm from "./reduce/layer_norm.wgsl";
import maxPoolChain from "./reduce/max_pool_chain.wgsl";
import maxPool2d from "./reduce/max_pool2d.wgsl";
import softmax from "./reduce/softmax.wgsl";
import storageF16 from "./storage_f16.wgsl";
import storageF32 from "./storage_f32.wgsl";

export const SHADER_TEXTS: Readonly<Record<string, string>> = {
  activation: activation,
  add: add,
  affine: affine,
  attention_apply: attentionApply,
  attention_scores: attentionScores,
  concat_dense: concatDense,
  conv2d_1x1: conv2d1x1,
  conv2d_depthwise: conv2dDepthwise,
  conv2d_direct: conv2dDirect,
  conv2d_naive: conv2dNaive,
  conv2d_split: conv2dSplit,
  conv2d_subgroup: conv2dSubgroup,
  conv2d_tiled: conv2dTiled,
  conv2d_winograd: conv2dWinograd,
  conv_transpose2d: convTranspose2d,
  conv_window: convWindow,
  copy_channels: copyChannels,
  decode: decode,
  decode_anchor_free: decodeAnchorFree,
  depth_to_space: depthToSpace,
  detect: detect,
  detect_anchor_free: detectAnchorFree,
  detect_anchor_free_candidates: detectAnchorFreeCandidates,
  detect_candidates: detectCandidates,
  find_overflow: findOverflow,
  global_average_pool: globalAveragePool,
  layer_norm: layerNorm,
  letterbox: letterbox,
  max_pool2d: maxPool2d,
  max_pool_chain: maxPoolChain,
  pack_blocks: packBlocks,
  pack_nchw: packNchw,
  pad2d: pad2d,
  pixels_bytes: pixelsBytes,
  pixels_texture: pixelsTexture,
  score: score,
  softmax: softmax,
  space_to_depth: spaceToDepth,
  storage_f16: storageF16,
  storage_f32: storageF32,
  unary: unary,
  unpack_nchw: unpackNchw,
  upsample_nearest: upsampleNearest,
  weights_bytes: weightsBytes,
  weights_float: weightsFloat,
};
