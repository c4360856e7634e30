/** Transposed convolution as convolutions of its output's phases. */

import type { NodeOf } from "../../../../ops/index.js";
import type { Lowering } from "../lowering.js";
import { emitConv, groupBlock } from "./gemm.js";

/**
 * A transposed convolution, one phase of the output (y mod stride, x mod stride) at a time: each is a convolution of
 * stride 1 with the taps that reach that phase.
 */
export function lowerConvTranspose(lowering: Lowering, node: NodeOf<"convTranspose2d">): void {
  const { attrs } = node;
  const weight = lowering.weight(node.inputs[1], node);
  const bias = attrs.hasBias ? lowering.weight(node.inputs[2], node) : undefined;
  const [inChannels, outPerGroup, kh, kw] = weight.shape;
  const { groups, stride, padding, dilation } = attrs;
  const inPerGroup = inChannels / groups;
  const input = lowering.compact(node.inputs[0]);
  const output = lowering.outputNhwc(node.outputs[0]);
  const merged = groups === 1 ? 1 : groupBlock(groups, inPerGroup, outPerGroup);
  for (let first = 0; first < groups; first += merged) {
    const here = Math.min(merged, groups - first);
    // As OIHW of one group: output o, input c.
    const width = here * inPerGroup;
    const outputs = here * outPerGroup;
    const area = kh * kw;
    const dense = (): Float32Array => {
      const laid = new Float32Array(outputs * width * area);
      for (let c = 0; c < width; c++) {
        const group = Math.floor(c / inPerGroup);
        for (let o = 0; o < outPerGroup; o++) {
          const from = ((first * inPerGroup + c) * outPerGroup + o) * area;
          laid.set(weight.data.subarray(from, from + area), ((group * outPerGroup + o) * width + c) * area);
        }
      }
      return laid;
    };
    // Weights of one group are read as they lie, [C][O][taps].
    const firstWeight = first * inPerGroup * outPerGroup * area;
    const at = (float: number, tap: number): readonly [number, number] =>
      here === 1 ? [firstWeight + float * outPerGroup * area + tap, area] : [float * area + tap, width * area];
    for (let y = 0; y < Math.min(stride[0], output.h); y++) {
      for (let x = 0; x < Math.min(stride[1], output.w); x++) {
        const kept: { tap: number; at: [number, number] }[] = [];
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const dy = y + padding[0] - ky * dilation[0];
            const dx = x + padding[1] - kx * dilation[1];
            if (dy % stride[0] !== 0 || dx % stride[1] !== 0) continue;
            kept.push({ tap: ky * kw + kx, at: [dy / stride[0], dx / stride[1]] });
          }
        }
        // No tap reaches this phase: one without weights that always falls outside, so that bias and activation are
        // still written.
        const empty = kept.length === 0;
        if (empty) kept.push({ tap: 0, at: [-(2 ** 20), -(2 ** 20)] });
        emitConv(lowering, {
          input,
          depth: empty ? 4 : Math.ceil(width / 4) * 4,
          inputOffset: first * inPerGroup * 4,
          output,
          outputOffset: first * outPerGroup * 4,
          outputs,
          taps: kept.map(({ at }) => at),
          stride: [1, 1],
          activation: attrs.activation,
          weights: {
            source: weight,
            key: `transposed ${first}+${here} of ${groups} taps ${empty ? "none" : kept.map(({ tap }) => tap)}`,
            data: () => (here === 1 ? weight.data : dense()),
          },
          weight: (tap, float) => (!empty && float < width ? at(float, kept[tap].tap) : undefined),
          bias,
          biasFrom: first * outPerGroup,
          phase: {
            y,
            x,
            stepY: stride[0],
            stepX: stride[1],
            h: Math.ceil((output.h - y) / stride[0]),
            w: Math.ceil((output.w - x) / stride[1]),
          },
        });
      }
    }
  }
}
