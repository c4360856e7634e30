/** The WASM backend in Node: adds worker threads, the number of cores, and V8's flag for relaxed SIMD. */

import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { hasRelaxedSimd } from "../kernels/wasm/index.js";
import type { Backend } from "../runtime/backend.js";
import {
  createWasmBackend,
  type FromWorker,
  type SpawnWorker,
  type WasmBackendOptions,
  WORKER_SOURCE,
} from "../runtime/wasm/index.js";

const PLUMBING = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", (message) => handle(message, (answer) => parentPort.postMessage(answer)));
`;

/** Worker threads that do not keep the process alive. */
export const spawn: SpawnWorker = ({ onMessage, onError }) => {
  const worker = new Worker(WORKER_SOURCE + PLUMBING, { eval: true, stdout: false, stderr: false });
  worker.on("message", (message: FromWorker) => onMessage(message));
  worker.on("error", (error) => onError(String(error)));
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
  };
};

/** Sets V8's flag for relaxed SIMD where it is needed and wanted; comes before the first module is compiled. */
export function allowRelaxedSimd(instructions: WasmBackendOptions["instructions"] = "auto"): void {
  if ((instructions === "auto" || instructions === "relaxed") && !hasRelaxedSimd()) {
    setFlagsFromString("--experimental-wasm-relaxed-simd");
  }
}

/**
 * Opens the WASM backend in Node. V8 in Node 20 compiles relaxed SIMD only behind a flag, which is set before the
 * first module is compiled, unless `instructions` asks for less. Multiply-add then rounds once instead of twice.
 * @throws DeviceError, OptionError like `createWasmBackend`.
 */
export async function openWasm(options: WasmBackendOptions = {}): Promise<Backend> {
  allowRelaxedSimd(options.instructions);
  return createWasmBackend({ spawn, cores: availableParallelism(), ...options });
}
