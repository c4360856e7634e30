/** Descriptors of `attention_scores.wgsl` and `attention_apply.wgsl`; a softmax over the keys stands between them. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored } from "../stored.js";
import applySource from "./attention_apply.wgsl";
import scoresSource from "./attention_scores.wgsl";

const scores = defineKernel("attention_scores", scoresSource, { q: "read", k: "read", y: "write" });
const apply = defineKernel("attention_apply", applySource, { scores: "read", v: "read", y: "write" });

/** Writes [picture][head][query][key]; q and k store their channels in order. */
export function attentionScoresCall(t: Stored, channels: number, heads: number): KernelCall {
  const perPicture = t.height * t.width;
  const count = t.pictures * heads * perPicture * perPicture;
  const headChannels = channels / heads;
  return {
    kernel: scores,
    overrides: {},
    params: { perPicture, plane: t.plane, heads, headChannels, count, scale: 1 / Math.sqrt(headChannels) },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

export function attentionApplyCall(t: Stored, output: Stored, channels: number, heads: number): KernelCall {
  return {
    kernel: apply,
    overrides: {},
    params: {
      perPicture: t.height * t.width,
      plane: t.plane,
      outPlane: output.plane,
      outPixels: pixelCount(output),
      heads,
      headChannels: channels / heads,
    },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}
