/** The convolution kernels: all of them, those that a device can run, and the default choice for a problem. */

import { OptionError } from "../../../errors.js";
import {
  CONV_TILES,
  type ConvKernel,
  type ConvProblem,
  conv2d1x1,
  conv2dDepthwise,
  conv2dDirect,
  conv2dNaive,
  conv2dSplit,
  conv2dSubgroup,
  conv2dTiled,
  conv2dWinograd,
  estimate,
  tileName,
} from "../../../kernels/wgsl/index.js";
import type { DeviceContext } from "../device/deviceContext.js";

/** Every kernel in every tile shape, by name, for tests and benches: `conv2d_naive`, `conv2d_tiled 64x64/4`, … */
export const CONV_KERNELS: ReadonlyMap<string, ConvKernel> = new Map<string, ConvKernel>([
  ["conv2d_naive", conv2dNaive],
  ["conv2d_subgroup", conv2dSubgroup],
  ["conv2d_direct", conv2dDirect],
  ["conv2d_depthwise", conv2dDepthwise],
  ["conv2d_split", conv2dSplit],
  ["conv2d_winograd", conv2dWinograd],
  ...CONV_TILES.map((tile): [string, ConvKernel] => [`conv2d_tiled ${tileName(tile)}`, conv2dTiled(tile)]),
  ...CONV_TILES.map((tile): [string, ConvKernel] => [`conv2d_1x1 ${tileName(tile)}`, conv2d1x1(tile)]),
]);

/** What runs a problem. */
export type KernelOf = (problem: ConvProblem) => ConvKernel;

/** The kernels that this device can run, by name. */
export function runnable({ device, minSubgroupSize }: DeviceContext): ReadonlyMap<string, ConvKernel> {
  const has = ({ features }: ConvKernel): boolean => features.every((feature) => device.features.has(feature));
  const fits = ({ leastSubgroup = 0 }: ConvKernel): boolean => minSubgroupSize >= leastSubgroup;
  return new Map([...CONV_KERNELS].filter(([, kernel]) => has(kernel) && fits(kernel)));
}

/** The first that can; otherwise the naive kernel. */
export const firstOf =
  (kernels: readonly ConvKernel[]): KernelOf =>
  (problem) =>
    kernels.find((kernel) => kernel.supports(problem)) ?? conv2dNaive;

/** The kernel with the shortest estimate. */
export function cheapestOf(kernels: Iterable<ConvKernel>): KernelOf {
  const all = [...kernels];
  return (problem) => {
    let best = conv2dNaive;
    let least = Number.POSITIVE_INFINITY;
    for (const kernel of all) {
      const time = kernel.supports(problem) ? estimate(kernel.work(problem), problem) : Number.POSITIVE_INFINITY;
      if (time < least) [best, least] = [kernel, time];
    }
    return best;
  };
}

/**
 * @param forced name in `CONV_KERNELS`, used wherever it can, the naive kernel elsewhere
 * @throws OptionError for an unknown name and a kernel that the device cannot run.
 */
export function usualKernels(context: DeviceContext, forced?: string): KernelOf {
  const can = runnable(context);
  if (forced !== undefined) {
    const kernel = CONV_KERNELS.get(forced);
    if (!kernel)
      throw new OptionError(`webgpu: no kernel ${forced}; choose one of ${[...CONV_KERNELS.keys()].join(", ")}`);
    if (!can.has(forced)) {
      const needs = kernel.features.join(", ");
      throw new OptionError(`webgpu: ${forced} needs ${needs}, which ${context.adapterName} does not offer`);
    }
    return firstOf([kernel]);
  }
  // A GPU emulated on the CPU has no fast workgroup memory, and barriers cost it dearly: measured, not estimated.
  if (context.software) return firstOf([conv2dDepthwise, can.get("conv2d_subgroup") ?? conv2dDirect]);
  return cheapestOf([...can.values()].filter((kernel) => !kernel.onlyTuned));
}
