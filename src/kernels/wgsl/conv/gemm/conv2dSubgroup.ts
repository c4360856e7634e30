/**
 * Descriptors of `conv2d_subgroup.wgsl` and `conv2d_direct.wgsl`: convolutions without groups on adapters that are emulated
 * on a CPU; the first where subgroups have at least eight invocations.
 */

import { defineKernel, foldWorkgroups, type Kernel, sourceText } from "../../kernel.js";
import { activationOverrides } from "../../map/activation.js";
import activation from "../../map/activation.wgsl";
import { pixelCount } from "../../stored.js";
import window from "../conv_window.wgsl";
import {
  type ConvKernel,
  type ConvProblem,
  type ConvWork,
  convParams,
  depthOf,
  inputKey,
  packTiles,
} from "../convProblem.js";
import directSource from "./conv2d_direct.wgsl";
import subgroupSource from "./conv2d_subgroup.wgsl";

const TILE_PIXELS = 4;
const TILE_QUADS = 4;
const WORKGROUP_SIZE = 8;

const bindings = { x: "read", weight: "read", bias: "read", residual: "read", y: "write" } as const;

/** How the 16 vectors of weights of a round reach an invocation. */
type WeightReads = Pick<ConvWork, "loads" | "cachedLoads" | "broadcasts">;

function registerKernel(kernel: Kernel, weightReads: WeightReads): ConvKernel {
  const grid = ({ output }: ConvProblem): readonly [number, number] => [
    Math.ceil(pixelCount(output) / (WORKGROUP_SIZE * TILE_PIXELS)),
    Math.ceil(output.quads / TILE_QUADS),
  ];
  return {
    name: kernel.name,
    features: kernel.features,
    text: sourceText(kernel),
    supports: (problem) => problem.groups === 1,
    call(problem) {
      const { input, output } = problem;
      return {
        kernel,
        overrides: { ...activationOverrides(problem.activation), WORKGROUP_SIZE },
        params: { ...convParams(problem), inQuads: input.quads, outQuads: output.quads },
        workgroups: foldWorkgroups(...grid(problem)),
        variant: `${TILE_PIXELS}x${TILE_QUADS * 4}`,
      };
    },
    work(problem) {
      const [x, y] = grid(problem);
      return {
        ...weightReads,
        workgroups: x * y,
        invocations: WORKGROUP_SIZE,
        sharedBytes: 0,
        registers: 4 * (TILE_PIXELS * TILE_QUADS + TILE_PIXELS + 16) + 32,
        steps: depthOf(problem),
        barriers: false,
        fmas: TILE_PIXELS * TILE_QUADS * 16,
        integers: TILE_PIXELS * 8 + 12,
        loads: weightReads.loads + TILE_PIXELS,
        sharedLoads: 0,
      };
    },
    packing: (problem) => `tiles${TILE_QUADS}:${inputKey(problem)}`,
    pack: (weight, problem) => packTiles(weight, problem, TILE_QUADS),
    biasQuads: (problem) => Math.ceil(problem.output.quads / TILE_QUADS) * TILE_QUADS,
  };
}

/** Spreads its weights over the workgroup, which must be one subgroup. */
export const conv2dSubgroup: ConvKernel = {
  ...registerKernel(
    defineKernel("conv2d_subgroup", subgroupSource, bindings, {
      modules: [activation, window],
      features: ["subgroups"],
    }),
    { loads: 0, cachedLoads: 2, broadcasts: 64 },
  ),
  leastSubgroup: WORKGROUP_SIZE,
};

export const conv2dDirect: ConvKernel = registerKernel(
  defineKernel("conv2d_direct", directSource, bindings, { modules: [activation, window] }),
  { loads: 0, cachedLoads: 16, broadcasts: 0 },
);
