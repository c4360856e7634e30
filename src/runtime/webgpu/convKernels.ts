/** Which convolution kernels an adapter gets, in order of preference; the first that supports a problem does it. */

import { type ConvKernel, conv2dDepthwise, conv2dNaive, conv2dSubgroup } from "../../kernels/wgsl/index.js";
import type { DeviceContext } from "./deviceContext.js";

export const CONV_KERNELS = {
  conv2d_naive: conv2dNaive,
  conv2d_subgroup: conv2dSubgroup,
  conv2d_depthwise: conv2dDepthwise,
} as const satisfies Readonly<Record<string, ConvKernel>>;

export type ConvKernelName = keyof typeof CONV_KERNELS;

/** Invocations that `conv2d_subgroup` spreads its weights over. */
const LANES = 8;

export function convKernels(context: DeviceContext, forced?: ConvKernelName): ConvKernel[] {
  if (forced) return [CONV_KERNELS[forced], conv2dNaive];
  if (context.minSubgroupSize >= LANES) return [conv2dDepthwise, conv2dSubgroup, conv2dNaive];
  return [conv2dDepthwise, conv2dNaive];
}
