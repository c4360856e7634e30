export { createWasmBackend, type WasmBackendOptions } from "./backend.js";
export { type FromWorker, type SpawnWorker, type ToWorker, WORKER_SOURCE, type WorkerThread } from "./device/worker.js";
export { createMemory, createProgram, ModuleCache, type Program, prepareProgram, writeProgram } from "./run/program.js";
