/** The texts of all shaders by their names, for a worker whose program goes without them: its page has them already. */

import activation from "./activation.wgsl";
import add from "./add.wgsl";
import affine from "./affine.wgsl";
import attentionApply from "./attention_apply.wgsl";
import attentionScores from "./attention_scores.wgsl";
import concatPlain from "./concat_plain.wgsl";
import conv2d1x1 from "./conv2d_1x1.wgsl";
import conv2dDepthwise from "./conv2d_depthwise.wgsl";
import conv2dDirect from "./conv2d_direct.wgsl";
import conv2dNaive from "./conv2d_naive.wgsl";
import conv2dSplit from "./conv2d_split.wgsl";
import conv2dSubgroup from "./conv2d_subgroup.wgsl";
import conv2dTiled from "./conv2d_tiled.wgsl";
import conv2dWinograd from "./conv2d_winograd.wgsl";
import convTranspose2d from "./conv_transpose2d.wgsl";
import convWindow from "./conv_window.wgsl";
import copyChannels from "./copy_channels.wgsl";
import decode from "./decode.wgsl";
import depthToSpace from "./depth_to_space.wgsl";
import detect from "./detect.wgsl";
import detectCandidates from "./detect_candidates.wgsl";
import findOverflow from "./find_overflow.wgsl";
import globalAveragePool from "./global_average_pool.wgsl";
import layerNorm from "./layer_norm.wgsl";
import letterbox from "./letterbox.wgsl";
import maxPool2d from "./max_pool2d.wgsl";
import maxPoolChain from "./max_pool_chain.wgsl";
import packBlocks from "./pack_blocks.wgsl";
import packNchw from "./pack_nchw.wgsl";
import pad2d from "./pad2d.wgsl";
import pixelsBytes from "./pixels_bytes.wgsl";
import pixelsTexture from "./pixels_texture.wgsl";
import softmax from "./softmax.wgsl";
import spaceToDepth from "./space_to_depth.wgsl";
import storageF16 from "./storage_f16.wgsl";
import storageF32 from "./storage_f32.wgsl";
import unary from "./unary.wgsl";
import unpackNchw from "./unpack_nchw.wgsl";
import upsampleNearest from "./upsample_nearest.wgsl";

export const SHADER_TEXTS: Readonly<Record<string, string>> = {
  activation: activation,
  add: add,
  affine: affine,
  attention_apply: attentionApply,
  attention_scores: attentionScores,
  concat_plain: concatPlain,
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
  depth_to_space: depthToSpace,
  detect: detect,
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
  softmax: softmax,
  space_to_depth: spaceToDepth,
  storage_f16: storageF16,
  storage_f32: storageF32,
  unary: unary,
  unpack_nchw: unpackNchw,
  upsample_nearest: upsampleNearest,
};
