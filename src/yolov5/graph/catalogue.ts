/** Finds the block that translates a module: by class name, by a name containing one, or by structure. */

import { UnsupportedError } from "../../errors.js";
import { cutText } from "../../weights/describe.js";
import type { ModuleNode } from "../../weights/types.js";
import { attentionBlock } from "./attentionBlock.js";
import * as blocks from "./blocks.js";
import { activationOf, type Block, pairAttribute } from "./context.js";
import { EXPORTED_BLOCKS } from "./exported.js";
import * as layers from "./layers.js";
import * as splits from "./splitBlocks.js";

/** Every module class that this engine knows (heads are in heads.ts). */
export const BLOCKS: ReadonlyMap<string, Block> = new Map<string, Block>([
  ["Conv", blocks.convBlock],
  ["DWConv", blocks.convBlock],
  ["Bottleneck", blocks.bottleneck],
  ["CrossConv", blocks.bottleneck],
  ["BottleneckCSP", blocks.bottleneckCsp],
  ["C3", blocks.c3],
  ["C3x", blocks.c3],
  ["C3TR", blocks.c3],
  ["C3SPP", blocks.c3],
  ["C3Ghost", blocks.c3],
  ["C3k", blocks.c3],
  ["C2f", splits.c2f],
  ["C3k2", splits.c2f],
  ["C2PSA", splits.c2psa],
  ["PSABlock", splits.psaBlock],
  ["Attention", attentionBlock],
  ["SCDown", splits.scDown],
  ["SPP", blocks.spp],
  ["SPPF", blocks.sppf],
  ["Focus", blocks.focus],
  ["Contract", blocks.contract],
  ["Expand", blocks.expand],
  ["GhostConv", blocks.ghostConv],
  ["GhostBottleneck", blocks.ghostBottleneck],
  ["TransformerLayer", blocks.transformerLayer],
  ["TransformerBlock", blocks.transformerBlock],
  ["MixConv2d", blocks.mixConv2d],
  ["Sum", blocks.sum],
  ["Concat", blocks.concatBlock],
  ["Proto", blocks.proto],
  ["Classify", blocks.classify],
  ["Sequential", layers.sequential],
  ["Conv2d", layers.conv2d],
  ["ConvTranspose2d", layers.convTranspose2d],
  ["DWConvTranspose2d", layers.convTranspose2d],
  ["BatchNorm2d", layers.batchNorm2d],
  ["LayerNorm", layers.layerNorm],
  ["Linear", layers.linear],
  ["NonDynamicallyQuantizableLinear", layers.linear],
  ["_LinearWithBias", layers.linear],
  ["MaxPool2d", layers.maxPool2d],
  ["ZeroPad2d", layers.zeroPad2d],
  ["Upsample", layers.upsample],
  ["UpsamplingNearest2d", layers.upsample],
  ["AdaptiveAvgPool2d", layers.adaptiveAvgPool2d],
  ...EXPORTED_BLOCKS,
]);

/** Attention, then a feed-forward part: the blocks of C2PSA. */
const isAttentionBlock = ({ children }: ModuleNode): boolean =>
  children.has("attn") && children.has("ffn") && !children.has("cv1");

/** Two convolutions, the second depthwise, which takes fewer pixels: that of GhostConv, otherwise alike, takes all. */
function isScDown({ children }: ModuleNode): boolean {
  const down = children.get("cv2")?.children.get("conv");
  if (children.size !== 2 || !children.has("cv1") || down?.parameters.get("weight")?.shape[1] !== 1) return false;
  return pairAttribute(down, "stride", [1, 1], "cv2.conv")[0] > 1;
}

/** Blocks recognised by their children if the class name is unknown. */
function byStructure(module: ModuleNode): Block | undefined {
  const has = (...names: readonly string[]): boolean => names.every((name) => module.children.has(name));
  const inner = module.children.get("m");
  if (has("cv1", "cv2", "cv3", "cv4", "m", "bn")) return blocks.bottleneckCsp;
  // Those with more parts refine the prototypes (26).
  if (has("cv1", "cv2", "cv3", "upsample") && module.children.size === 4) return blocks.proto;
  if (has("cv1", "cv2", "cv3", "m")) return blocks.c3;
  if (has("cv1", "cv2") && inner?.type === "MaxPool2d") return blocks.sppf;
  const pools = [...(inner?.children.values() ?? [])];
  if (has("cv1", "cv2") && pools.length > 0 && pools.every((pool) => pool.type === "MaxPool2d")) return blocks.spp;
  if (has("cv1", "cv2") && inner?.type === "ModuleList") return splits.c2f;
  if (has("cv1", "cv2") && inner && [...inner.children.values()].every(isAttentionBlock)) return splits.c2psa;
  if (isAttentionBlock(module)) return splits.psaBlock;
  if (has("qkv", "proj", "pe")) return attentionBlock;
  if (has("cv1", "cv2") && module.children.size === 2 && module.attributes.has("add")) return blocks.bottleneck;
  if (isScDown(module)) return splits.scDown;
  if (has("conv", "shortcut")) return blocks.ghostBottleneck;
  if (has("q", "k", "v", "ma", "fc1", "fc2")) return blocks.transformerLayer;
  const conv = module.children.get("conv");
  if (conv?.type === "Conv2d" && [...module.children.keys()].every((name) => ["conv", "bn", "act"].includes(name))) {
    return blocks.convBlock;
  }
  return undefined;
}

/**
 * A fork's class name that contains a known one: `C3Pruned`, `PrunedBottleneck`. The rest must be a word that does
 * not change the mathematics.
 */
function byPartOfName(type: string): Block | undefined {
  const plain = type.replace(/^_+|(?<!_)_+$|pruned?|_?fork|custom|my/gi, "");
  return plain === type ? undefined : BLOCKS.get(plain);
}

/** @throws UnsupportedError with the class and its parts. */
export function blockOf(module: ModuleNode, path: string): Block {
  const known = BLOCKS.get(module.type) ?? byPartOfName(module.type) ?? byStructure(module);
  if (known) return known;
  if (activationOf(module, path)) return blocks.activationBlock;
  const parts = cutText([...module.children.keys(), ...module.parameters.keys()].join(", "), 300) || "nothing";
  throw new UnsupportedError(
    `${path}: module ${module.className} is not part of YOLOv5, v8, 11 or 26, and its parts (${parts}) match no known module; ` +
      "checkpoints of other networks cannot be run",
    { path, className: module.className },
  );
}
