/** What the convolution kernels are asked to do, and how weights are put in order for them. */

import type { Activation } from "../../../ops/attributes.js";
import type { KernelCall, Params } from "../kernel.js";
import { type Stored, sizeParams, type Window, windowParams } from "../stored.js";

export type Residual = "none" | "input" | "output";

/** As the kernels receive them. */
export const RESIDUAL_WORD: { readonly [R in Residual]: number } = { none: 0, input: 1, output: 2 };

export interface ConvProblem extends Window {
  readonly input: Stored;
  readonly output: Stored;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  /** Weights are signed bytes with a scale for each output channel. Default false. */
  readonly byteWeights?: boolean;
  readonly activation: Activation;
  /** Where what is added after the activation lies: nowhere, in a tensor of its own, or in the output's own place. */
  readonly residual: Residual;
  /**
   * Channel that each stored input channel holds, −1 for padding. Kernels for groups > 1 need channel i at i
   * (`compactInput`).
   */
  readonly inputChannels: readonly number[];
  readonly compactInput: boolean;
}

/** What a kernel does for a problem, to estimate its time by (`convCost.ts`): waste at the edges of tiles included. */
export interface ConvWork {
  readonly workgroups: number;
  /** Of a workgroup. */
  readonly invocations: number;
  /** Workgroup memory. */
  readonly sharedBytes: number;
  /** 32-bit numbers that an invocation keeps, roughly. */
  readonly registers: number;
  /** Rounds of the loop over K: each waits for its loads before it multiplies. */
  readonly steps: number;
  /** There are barriers in a round. */
  readonly barriers: boolean;
  /** All that follow: of one invocation in one round. */
  readonly fmas: number;
  /** Operations on whole numbers that find out where to load from. */
  readonly integers: number;
  /** Groups of four channels or weights read from memory, each invocation its own. */
  readonly loads: number;
  /** The same ones for all invocations of a subgroup, or read a moment ago. */
  readonly cachedLoads: number;
  /** vec4f from workgroup memory, each invocation its own. */
  readonly sharedLoads: number;
  /** The same ones for (nearly) all invocations of a subgroup; also numbers handed on within it. */
  readonly broadcasts: number;
}

/** A kernel for convolutions: what it can do, its dispatch, and its order of weights. */
export interface ConvKernel {
  readonly name: string;
  readonly features: readonly GPUFeatureName[];
  /** The fewest invocations that a subgroup must have. Absent where any number will do. */
  readonly leastSubgroup?: number;
  /** The estimate knows too little of it: it runs only where it was measured to be faster. */
  readonly onlyTuned?: true;
  /** Its shader, to tell versions apart. */
  readonly text: string;
  supports(problem: ConvProblem): boolean;
  call(problem: ConvProblem): KernelCall;
  work(problem: ConvProblem): ConvWork;
  /** Names the order of weights; equal names mean equal bytes for equal weights. */
  packing(problem: ConvProblem): string;
  /** OIHW weights in the kernel's order, zero where it computes beyond the last channel. */
  pack(weight: Float32Array, problem: ConvProblem): Float32Array<ArrayBuffer>;
  /** Quads that it reads of the bias. */
  biasQuads(problem: ConvProblem): number;
}

/** Elements of the window × input quads: what the loop over K goes through. */
export function depthOf({ kernel, input }: ConvProblem): number {
  return kernel[0] * kernel[1] * input.quads;
}

/** The problem as the `Params` of most kernels name it. */
export function convParams(problem: ConvProblem): Params {
  return { ...sizeParams(problem), ...windowParams(problem), residual: RESIDUAL_WORD[problem.residual] };
}

export function inputKey(problem: ConvProblem): string {
  return problem.compactInput ? `plain${problem.input.quads}` : problem.inputChannels.join(",");
}

/**
 * Weights tile by tile: [tile of `tileQuads` × 4 output channels][ky][kx][stored input channel][output quad of the tile],
 * a vec4f over the four output channels each. For groups = 1.
 */
export function packTiles(
  weight: Float32Array,
  problem: ConvProblem,
  tileQuads: number,
  inputQuads: number = problem.input.quads,
): Float32Array<ArrayBuffer> {
  const [kh, kw] = problem.kernel;
  const { inChannels, outChannels, inputChannels } = problem;
  const tileChannels = tileQuads * 4;
  const tiles = Math.ceil(problem.output.quads / tileQuads);
  const stored = inputQuads * 4;
  const packed = new Float32Array(tiles * kh * kw * stored * tileChannels);
  const taps = kh * kw;
  for (let o = 0; o < outChannels; o++) {
    const tile = Math.floor(o / tileChannels);
    const lane = o - tile * tileChannels;
    for (let s = 0; s < stored; s++) {
      const c = inputChannels[s] ?? -1;
      if (c < 0) continue;
      const from = (o * inChannels + c) * taps;
      for (let t = 0; t < taps; t++) packed[((tile * taps + t) * stored + s) * tileChannels + lane] = weight[from + t];
    }
  }
  return packed;
}
