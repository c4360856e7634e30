export { createWebGpuBackend, type WebGpuBackend, type WebGpuOptions } from "./backend.js";
export { CONV_KERNELS } from "./choose/convKernels.js";
export type { TuningStore } from "./choose/tuningTable.js";
export type { WebGpuExecutable } from "./run/executable.js";
