export { createWasmBackend, type WasmBackendOptions } from "./backend.js";
export { createMemory, createProgram, ModuleCache, type Program, prepareProgram, writeProgram } from "./program.js";
export { type FromWorker, type SpawnWorker, type ToWorker, WORKER_SOURCE, type WorkerThread } from "./worker.js";
