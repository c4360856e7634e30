/** Descriptor of `conv_transpose2d.wgsl`. */

import type { Activation } from "../../../ops/attributes.js";
import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { activationOverrides } from "../map/activation.js";
import activation from "../map/activation.wgsl";
import { pixelCount, type Stored, sizeParams, type Window, windowParams } from "../stored.js";
import source from "./conv_transpose2d.wgsl";

export interface ConvTransposeProblem extends Window {
  /** Channel i of the input must be stored at i. */
  readonly input: Stored;
  readonly output: Stored;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly activation: Activation;
}

const kernel = defineKernel(
  "conv_transpose2d",
  source,
  { x: "read", weight: "read", bias: "read", y: "write" },
  { modules: [activation] },
);

export function convTranspose2dCall(problem: ConvTransposeProblem): KernelCall {
  const { inChannels, outChannels, groups, output } = problem;
  return {
    kernel,
    overrides: activationOverrides(problem.activation),
    params: {
      ...sizeParams(problem),
      ...windowParams(problem),
      inChannels,
      inPerGroup: inChannels / groups,
      outPerGroup: outChannels / groups,
    },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}

/** [C, O/groups, kh, kw] to a vec4f over four output channels at [output quad][ky][kx][input channel of the group]. */
export function packTransposed(weight: Float32Array, problem: ConvTransposeProblem): Float32Array<ArrayBuffer> {
  const taps = problem.kernel[0] * problem.kernel[1];
  const inPerGroup = problem.inChannels / problem.groups;
  const outPerGroup = problem.outChannels / problem.groups;
  const packed = new Float32Array(problem.output.quads * taps * inPerGroup * 4);
  for (let o = 0; o < problem.outChannels; o++) {
    const group = Math.floor(o / outPerGroup);
    for (let i = 0; i < inPerGroup; i++) {
      const from = ((group * inPerGroup + i) * outPerGroup + (o % outPerGroup)) * taps;
      for (let t = 0; t < taps; t++) packed[(((o >> 2) * taps + t) * inPerGroup + i) * 4 + (o & 3)] = weight[from + t];
    }
  }
  return packed;
}
