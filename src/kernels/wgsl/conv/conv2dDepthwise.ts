/** Descriptor of `conv2d_depthwise.wgsl`: groups = input channels = output channels. */

import { defineKernel, foldWorkgroups, sourceText } from "../kernel.js";
import { activationOverrides } from "../map/activation.js";
import activation from "../map/activation.wgsl";
import { pixelCount } from "../stored.js";
import source from "./conv2d_depthwise.wgsl";
import { type ConvKernel, convParams } from "./convProblem.js";

const kernel = defineKernel(
  "conv2d_depthwise",
  source,
  { x: "read", weight: "read", bias: "read", residual: "read", y: "write" },
  { modules: [activation] },
);

export const conv2dDepthwise: ConvKernel = {
  name: kernel.name,
  features: [],
  text: sourceText(kernel),
  supports: (p) => p.groups > 1 && p.groups === p.inChannels && p.outChannels === p.inChannels && p.compactInput,
  call(problem) {
    return {
      kernel,
      overrides: activationOverrides(problem.activation),
      params: convParams(problem),
      workgroups: foldWorkgroups(Math.ceil(pixelCount(problem.output) / 64), problem.output.quads),
    };
  },
  work({ output, kernel }) {
    return {
      workgroups: Math.ceil(pixelCount(output) / 64) * output.quads,
      invocations: 64,
      sharedBytes: 0,
      registers: 32,
      steps: kernel[0] * kernel[1],
      barriers: false,
      fmas: 4,
      integers: 12,
      loads: 1,
      cachedLoads: 1,
      sharedLoads: 0,
      broadcasts: 0,
    };
  },
  packing: () => "depthwise",
  pack(weight, problem) {
    const taps = problem.kernel[0] * problem.kernel[1];
    const packed = new Float32Array(problem.output.quads * taps * 4);
    for (let c = 0; c < problem.outChannels; c++) {
      for (let t = 0; t < taps; t++) packed[((c >> 2) * taps + t) * 4 + (c & 3)] = weight[c * taps + t];
    }
    return packed;
  },
  biasQuads: (problem) => problem.output.quads,
};
