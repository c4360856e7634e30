export { CONV_KERNELS } from "./convKernels.js";
export type { Counters } from "./counters.js";
export { isSoftwareAdapter } from "./deviceContext.js";
export type { WebGpuExecutable } from "./executable.js";
export type { TuningStore } from "./tuning.js";
export { createWebGpuBackend, type WebGpuBackend, type WebGpuOptions } from "./webGpuBackend.js";
