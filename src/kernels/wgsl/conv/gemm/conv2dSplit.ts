/** Descriptor of `conv2d_split.wgsl`: convolutions without groups whose output gives a GPU too few tiles. */

import { defineKernel, foldWorkgroups, sourceText } from "../../kernel.js";
import { activationOverrides } from "../../map/activation.js";
import activation from "../../map/activation.wgsl";
import { pixelCount } from "../../stored.js";
import window from "../conv_window.wgsl";
import { type ConvKernel, convParams, depthOf, inputKey, packTiles } from "../convProblem.js";
import source from "./conv2d_split.wgsl";

const TILE_PIXELS = 16;
const TILE_QUADS = 4;
const SLICES = 8;

const kernel = defineKernel(
  "conv2d_split",
  source,
  { x: "read", weight: "read", bias: "read", residual: "read", y: "write" },
  { modules: [activation, window] },
);

export const conv2dSplit: ConvKernel = {
  name: kernel.name,
  features: [],
  onlyTuned: true,
  text: sourceText(kernel),
  supports: (problem) => problem.groups === 1,
  call(problem) {
    const { input, output } = problem;
    return {
      kernel,
      overrides: activationOverrides(problem.activation),
      params: { ...convParams(problem), inQuads: input.quads, outQuads: output.quads },
      workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / TILE_PIXELS), Math.ceil(output.quads / TILE_QUADS)),
    };
  },
  // A round: one element of the window of an input quad, for two pixels; each slice has an eighth of them.
  work: (problem) => ({
    workgroups: Math.ceil(pixelCount(problem.output) / TILE_PIXELS) * Math.ceil(problem.output.quads / TILE_QUADS),
    invocations: 256,
    sharedBytes: 256 * 2 * 16,
    registers: 64,
    steps: Math.ceil(depthOf(problem) / SLICES),
    barriers: false,
    fmas: 32,
    integers: 32,
    loads: 2,
    cachedLoads: 4,
    sharedLoads: 0,
    broadcasts: 0,
  }),
  packing: (problem) => `tiles${TILE_QUADS}:${inputKey(problem)}`,
  pack: (weight, problem) => packTiles(weight, problem, TILE_QUADS),
  biasQuads: (problem) => Math.ceil(problem.output.quads / TILE_QUADS) * TILE_QUADS,
};
