export { createWasmBackend, type WasmBackendOptions } from "./backend.js";
export { KernelLibrary } from "./device/kernelLibrary.js";
export { singleThread } from "./device/machine.js";
export { type FromWorker, type SpawnWorker, type ToWorker, WORKER_SOURCE, type WorkerThread } from "./device/worker.js";
export { createProgram, type Program } from "./run/program.js";
