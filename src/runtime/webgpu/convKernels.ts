/** Which convolution kernels an adapter gets, in order of preference; the first that supports a problem does it. */

import { OptionError } from "../../errors.js";
import {
  CONV_TILES,
  type ConvKernel,
  conv2d1x1,
  conv2dDepthwise,
  conv2dDirect,
  conv2dNaive,
  conv2dSubgroup,
  conv2dTiled,
  tileName,
} from "../../kernels/wgsl/index.js";
import type { DeviceContext } from "./deviceContext.js";

/** Every kernel in every tile shape, by name, for tests and benches: `conv2d_naive`, `conv2d_tiled 64x64/4`, … */
export const CONV_KERNELS: ReadonlyMap<string, ConvKernel> = new Map<string, ConvKernel>([
  ["conv2d_naive", conv2dNaive],
  ["conv2d_subgroup", conv2dSubgroup],
  ["conv2d_direct", conv2dDirect],
  ["conv2d_depthwise", conv2dDepthwise],
  ...CONV_TILES.map((tile): [string, ConvKernel] => [`conv2d_tiled ${tileName(tile)}`, conv2dTiled(tile)]),
  ...CONV_TILES.map((tile): [string, ConvKernel] => [`conv2d_1x1 ${tileName(tile)}`, conv2d1x1(tile)]),
]);

/** Invocations that `conv2d_subgroup` spreads its weights over. */
const LANES = 8;

/** @param forced name in `CONV_KERNELS`: used wherever it can, the plain kernel elsewhere. */
export function convKernels(context: DeviceContext, forced?: string): ConvKernel[] {
  if (forced !== undefined) {
    const kernel = CONV_KERNELS.get(forced);
    if (!kernel) throw new OptionError(`webgpu: no kernel ${forced}; there are ${[...CONV_KERNELS.keys()].join(", ")}`);
    return [kernel, conv2dNaive];
  }
  // A GPU emulated on the CPU has no fast workgroup memory, and barriers cost it dearly.
  if (context.software) {
    const dense = context.minSubgroupSize >= LANES ? conv2dSubgroup : conv2dDirect;
    return [conv2dDepthwise, dense, conv2dNaive];
  }
  return [conv2dDepthwise, conv2d1x1(), conv2dTiled(), conv2dNaive];
}
