/** The result of lowering a node, and the services available to it. */

import type { Graph } from "../../../ops/index.js";
import type { PackedConstant } from "../device/constants.js";
import type { DeviceTensor } from "../device/device.js";
import type { KernelSet } from "../device/kernelSet.js";
import type { Values } from "../device/values.js";

export interface Step {
  /** For profiles: `gpu.js conv2d 3x3`, or `reference (host)`. */
  readonly kernel: string;
  run(values: Values): void;
}

export interface Lowering {
  readonly graph: Graph;
  readonly kernels: KernelSet;
  /** Packed once for all executables that ask for the same; released with the last of them. */
  constant(constant: PackedConstant): DeviceTensor;
}
