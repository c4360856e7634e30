/** Descriptor of `conv2d_naive.wgsl`: every convolution, slowly. */

import { defineKernel, foldWorkgroups, sourceText } from "../kernel.js";
import { activationOverrides } from "../map/activation.js";
import activation from "../map/activation.wgsl";
import { pixelCount } from "../stored.js";
import source from "./conv2d_naive.wgsl";
import { type ConvKernel, convParams, inputKey } from "./convProblem.js";

const kernel = defineKernel(
  "conv2d_naive",
  source,
  { x: "read", weight: "read", bias: "read", residual: "read", y: "write" },
  { modules: [activation] },
);

export const conv2dNaive: ConvKernel = {
  name: kernel.name,
  features: [],
  text: sourceText(kernel),
  supports: (problem) => problem.groups === 1 || problem.compactInput,
  call(problem) {
    const { input, output, groups } = problem;
    // Without groups the kernel walks all stored channels; padding ones have zero weights.
    const inPerGroup = groups === 1 ? input.quads * 4 : problem.inChannels / groups;
    const outPerGroup = groups === 1 ? output.quads * 4 : problem.outChannels / groups;
    return {
      kernel,
      overrides: activationOverrides(problem.activation),
      params: {
        ...convParams(problem),
        inChannels: groups === 1 ? input.quads * 4 : problem.inChannels,
        inPerGroup,
        outPerGroup,
      },
      workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
    };
  },
  // A round: one element of the window, one input channel; four numbers at a stride of four, which take as long as whole quads.
  work({ input, output, kernel, groups, inChannels }) {
    const channels = groups === 1 ? input.quads * 4 : inChannels / groups;
    return {
      workgroups: Math.ceil(pixelCount(output) / 64) * output.quads,
      invocations: 64,
      sharedBytes: 0,
      registers: 48,
      steps: kernel[0] * kernel[1] * channels,
      barriers: false,
      fmas: 4,
      integers: 24,
      loads: groups === 1 ? 0.25 : 1,
      cachedLoads: 17,
      sharedLoads: 0,
      broadcasts: 0,
    };
  },
  packing: (problem) => (problem.groups === 1 ? `naive:${inputKey(problem)}` : "naive:groups"),
  pack(weight, problem) {
    const [kh, kw] = problem.kernel;
    const taps = kh * kw;
    const { groups, outChannels, output } = problem;
    const perGroup = problem.inChannels / groups;
    const stored = groups === 1 ? problem.input.quads * 4 : perGroup;
    const packed = new Float32Array(output.quads * taps * stored * 4);
    for (let o = 0; o < outChannels; o++) {
      for (let s = 0; s < stored; s++) {
        const c = groups === 1 ? (problem.inputChannels[s] ?? -1) : s;
        if (c < 0) continue;
        for (let t = 0; t < taps; t++) {
          packed[(((o >> 2) * taps + t) * stored + s) * 4 + (o & 3)] = weight[(o * perGroup + c) * taps + t];
        }
      }
    }
    return packed;
  },
  biasQuads: (problem) => problem.output.quads,
};
