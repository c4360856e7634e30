/** What a node becomes, and what lowering it may use. */

import type { Graph } from "../../../ops/index.js";
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
  /** Packed constants on the device, released with the executable. */
  constant(data: Float32Array, extent: readonly [number, number, number]): DeviceTensor;
}
