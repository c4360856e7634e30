/** Descriptors of `conv_weight_gradient.wgsl` and `conv_weight_gradient_groups.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { type Stored, sizeParams, type Window, windowParams } from "../stored.js";
import source from "./conv_weight_gradient.wgsl";
import groupsSource from "./conv_weight_gradient_groups.wgsl";

export interface WeightGradientProblem extends Window {
  /** The convolution's input; with groups, channel i must be stored at i. */
  readonly input: Stored;
  /** The gradient of its output: channel i is stored at i. */
  readonly output: Stored;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
}

const plain = defineKernel("conv_weight_gradient", source, {
  x: "read",
  dy: "read",
  channels: "read",
  y: "write",
});
const grouped = defineKernel("conv_weight_gradient_groups", groupsSource, { x: "read", dy: "read", y: "write" });

/** Invocations that keep a GPU busy: fewer are divided, each for a part of the rows. A constant, so that all devices add alike. */
const ENOUGH = 2 ** 14;

/** Invocations for a part. */
function itemsOf({ kernel, input, output, inChannels, groups }: WeightGradientProblem): number {
  return kernel[0] * kernel[1] * output.quads * (groups === 1 ? input.quads : inChannels / groups);
}

const rowsOf = ({ output }: WeightGradientProblem): number => output.pictures * output.height;

function partRows(problem: WeightGradientProblem): number {
  const wanted = Math.ceil(ENOUGH / itemsOf(problem));
  return Math.ceil(rowsOf(problem) / Math.min(wanted, rowsOf(problem)));
}

/** How many parts the sums have. */
export function weightGradientParts(problem: WeightGradientProblem): number {
  return Math.ceil(rowsOf(problem) / partRows(problem));
}

/**
 * Writes [part][O][C/groups][kh][kw]. Without groups there is a binding `channels`: the input channel that each stored one holds,
 * 0xffffffff for none.
 */
export function weightGradientCall(problem: WeightGradientProblem): KernelCall {
  const { input, output, inChannels, outChannels, groups } = problem;
  const shared = {
    ...sizeParams({ input, output }),
    ...windowParams(problem),
    outQuads: output.quads,
    outChannels,
    partRows: partRows(problem),
  };
  const workgroups = foldWorkgroups(Math.ceil(itemsOf(problem) / 64), weightGradientParts(problem));
  if (groups === 1) {
    return { kernel: plain, overrides: {}, params: { ...shared, inQuads: input.quads, inChannels }, workgroups };
  }
  const own = { inPerGroup: inChannels / groups, outPerGroup: outChannels / groups };
  return { kernel: grouped, overrides: {}, params: { ...shared, ...own }, workgroups };
}
