export { createWasmBackend, type WasmBackendOptions } from "./backend.js";
export { KernelLibrary } from "./device/kernelLibrary.js";
export { singleThread } from "./device/machine.js";
export { type FromWorker, type SpawnWorker, WORKER_SOURCE } from "./device/worker.js";
export { ALIGNMENT, roundUp } from "./lower/storages.js";
export type { PreparedStore } from "./run/preparedStore.js";
export { createProgram } from "./run/program.js";
