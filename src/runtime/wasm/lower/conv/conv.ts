/** conv2d: which kernel computes it. */

import type { NodeOf } from "../../../../ops/index.js";
import { numbersInPassing } from "../../../../tensor/index.js";
import { channelsOfStored, segmentsKey, storedChannels } from "../../../channels.js";
import { integerConv, lowerInteger } from "../integers/conv.js";
import type { Lowering } from "../lowering.js";
import { lowerDepthwise } from "./depthwise.js";
import { emitConv, groupBlock } from "./gemm.js";

import { lowerStem, suitsStem } from "./stem.js";
import { lowerWinograd, winogradScheme } from "./winograd.js";

export function lowerConv(lowering: Lowering, node: NodeOf<"conv2d">): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const [outputs, perGroup, kh, kw] = weight.shape;
  const { groups } = attrs;
  const taps = tapsOf(kh, kw, attrs.dilation, attrs.padding);
  const [id] = node.outputs;
  const integers = integerConv(lowering, node);
  if (integers) {
    lowerInteger(lowering, node, integers);
    return;
  }
  if (suitsStem(lowering, node)) {
    lowerStem(lowering, node);
    return;
  }
  const residualId = node.inputs[node.inputs.length - 1];
  const residual = attrs.hasResidual ? lowering.compact(residualId) : undefined;
  const scheme = winogradScheme(lowering, node);
  const input = groups === 1 ? lowering.nhwc(node.inputs[0]) : lowering.compact(node.inputs[0]);
  const output = lowering.outputNhwc(id);
  if (groups === outputs && perGroup === 1 && groups > 1) {
    lowerDepthwise(lowering, node, input, output, residual);
    return;
  }
  if (scheme) {
    lowerWinograd(lowering, scheme, node, input, output, residual);
    return;
  }
  const outPerGroup = outputs / groups;
  const merged = groups === 1 ? 1 : groupBlock(groups, perGroup, outPerGroup);
  for (let first = 0; first < groups; first += merged) {
    const here = Math.min(merged, groups - first);
    const map = groups === 1 ? channelsOfStored(input.segments) : undefined;
    const outputFrom = first * outPerGroup;
    emitConv(lowering, {
      input,
      depth: groups === 1 ? storedChannels(input.segments) : Math.ceil((here * perGroup) / 4) * 4,
      inputOffset: first * perGroup * 4,
      output,
      outputOffset: outputFrom * 4,
      outputs: here * outPerGroup,
      ...(residual ? { residual: { view: residual, offset: outputFrom * 4 } } : {}),
      taps,
      stride: attrs.stride,
      activation: attrs.activation,
      weights: {
        source: weight,
        key: groups === 1 ? segmentsKey(input.segments) : `groups ${first}+${here} of ${groups}`,
        data: () => {
          if (groups === 1) return numbersInPassing(weight);
          return here === 1 ? weight.data : blockDiagonal(weight.data, first, here, outPerGroup, perGroup, kh * kw);
        },
      },
      weight: (tap, float) => {
        const width = here * perGroup;
        const channel = map ? map[float] : float < width ? float : -1;
        if (channel < 0) return undefined;
        const base = here === 1 ? outputFrom * perGroup * kh * kw : 0;
        return [base + channel * kh * kw + tap, width * kh * kw];
      },
      bias,
      biasFrom: outputFrom,
    });
  }
}

/** OIHW weights of several groups as one group: zeros where output and input belong to different groups. */
function blockDiagonal(
  source: Float32Array,
  first: number,
  groups: number,
  outPerGroup: number,
  inPerGroup: number,
  area: number,
): Float32Array {
  const width = groups * inPerGroup;
  const merged = new Float32Array(groups * outPerGroup * width * area);
  for (let o = 0; o < groups * outPerGroup; o++) {
    const group = Math.floor(o / outPerGroup);
    const from = (first * outPerGroup + o) * inPerGroup * area;
    merged.set(source.subarray(from, from + inPerGroup * area), (o * width + group * inPerGroup) * area);
  }
  return merged;
}

function tapsOf(
  kh: number,
  kw: number,
  dilation: readonly [number, number],
  padding: readonly [number, number],
): [number, number][] {
  const taps: [number, number][] = [];
  for (let y = 0; y < kh; y++) {
    for (let x = 0; x < kw; x++) taps.push([y * dilation[0] - padding[0], x * dilation[1] - padding[1]]);
  }
  return taps;
}
