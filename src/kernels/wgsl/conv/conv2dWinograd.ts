/** Descriptor of `conv2d_winograd.wgsl`: 3×3 windows of stride 1, in float32 (float16 filters would lose too much when transformed). */

import { defineKernel, foldWorkgroups, sourceText } from "../kernel.js";
import { activationOverrides } from "../map/activation.js";
import activation from "../map/activation.wgsl";
import source from "./conv2d_winograd.wgsl";
import { type ConvKernel, type ConvProblem, inputKey, RESIDUAL_WORD } from "./convProblem.js";

const GROUP_SQUARES = 16;
const GROUP_QUADS = 4;
/** G of F(2, 3), row by row. */
const G = [
  [1, 0, 0],
  [0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5],
  [0, 0, 1],
];

const kernel = defineKernel(
  "conv2d_winograd",
  source,
  { x: "read", weight: "read", bias: "read", residual: "read", y: "write" },
  { modules: [activation] },
);

const paddedQuads = ({ output }: ConvProblem): number => Math.ceil(output.quads / GROUP_QUADS) * GROUP_QUADS;

/** G g Gᵀ of one 3×3 filter, in float64. */
function transform(weight: Float32Array, at: number): number[] {
  const left = G.map((row) => [0, 1, 2].map((c) => row.reduce((sum, g, k) => sum + g * weight[at + k * 3 + c], 0)));
  return left.flatMap((row) => G.map((g) => g.reduce((sum, factor, k) => sum + factor * row[k], 0)));
}

export const conv2dWinograd: ConvKernel = {
  name: kernel.name,
  features: [],
  onlyTuned: true,
  text: sourceText(kernel),
  supports: ({ groups, kernel: window, stride, dilation, output, byteWeights }) =>
    groups === 1 &&
    !byteWeights &&
    output.pixelBytes === 16 &&
    window.every((v) => v === 3) &&
    [...stride, ...dilation].every((v) => v === 1),
  call(problem) {
    const { input, output, padding } = problem;
    const [squaresY, squaresX] = [Math.ceil(output.height / 2), Math.ceil(output.width / 2)];
    const squares = output.pictures * squaresY * squaresX;
    return {
      kernel,
      overrides: activationOverrides(problem.activation),
      params: {
        inHeight: input.height,
        inWidth: input.width,
        inPlane: input.plane,
        inQuads: input.quads,
        outHeight: output.height,
        outWidth: output.width,
        outPlane: output.plane,
        outQuads: output.quads,
        paddingY: padding[0],
        paddingX: padding[1],
        squaresY,
        squaresX,
        squares,
        residual: RESIDUAL_WORD[problem.residual],
      },
      workgroups: foldWorkgroups(Math.ceil(squares / GROUP_SQUARES), paddedQuads(problem) / GROUP_QUADS),
    };
  },
  // A round: one input quad, one of 16 places, four output quads.
  work(problem) {
    const { output, input } = problem;
    const squares = output.pictures * Math.ceil(output.height / 2) * Math.ceil(output.width / 2);
    return {
      workgroups: (Math.ceil(squares / GROUP_SQUARES) * paddedQuads(problem)) / GROUP_QUADS,
      invocations: 256,
      sharedBytes: 256 * 16,
      registers: 96,
      steps: input.quads,
      barriers: false,
      fmas: 64 + 12,
      integers: 40,
      loads: 4,
      cachedLoads: 16,
      sharedLoads: 0,
      broadcasts: 0,
    };
  },
  packing: (problem) => `winograd:${inputKey(problem)}`,
  pack(weight, problem) {
    const { inChannels, outChannels, inputChannels, input } = problem;
    const packed = new Float32Array(paddedQuads(problem) * input.quads * 16 * 16);
    for (let o = 0; o < outChannels; o++) {
      inputChannels.forEach((channel, stored) => {
        if (channel < 0) return;
        const filter = transform(weight, (o * inChannels + channel) * 9);
        const quads = (o >> 2) * input.quads + (stored >> 2);
        filter.forEach((value, place) => {
          packed[((quads * 16 + place) * 4 + (stored & 3)) * 4 + (o & 3)] = value;
        });
      });
    }
    return packed;
  },
  biasQuads: paddedQuads,
};
