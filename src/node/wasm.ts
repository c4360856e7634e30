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
import type { Prepared } from "./kept/prepared.js";
import { type AsideRead, filePreparedStore, type ReadAside } from "./kept/preparedStore.js";

/** `readAside` answers a message of its own type, which the kernels' threads do not know. */
const PLUMBING = `
const { parentPort } = require("node:worker_threads");
function readAside({ path, memory, places }) {
  const { closeSync, openSync, readSync } = require("node:fs");
  const { crc32 } = require("node:zlib");
  const fd = openSync(path, "r");
  try {
    let checksum = 0;
    for (const [address, bytes] of places) {
      const place = new Uint8Array(memory, address, bytes);
      if (readSync(fd, place, 0, bytes, null) !== bytes) return undefined;
      checksum = crc32(place, checksum);
    }
    return checksum;
  } finally {
    closeSync(fd);
  }
}
parentPort.on("message", (message) => {
  if (message.type !== "read") return handle(message, (answer) => parentPort.postMessage(answer));
  const { id } = message;
  let checksum;
  try {
    checksum = readAside(message);
  } catch {}
  parentPort.postMessage({ type: "read", id, checksum });
});
`;

/** Worker threads that do not keep the process alive. */
export const spawn: SpawnWorker = (handlers) => connect(start(), handlers);

function start(): Worker {
  const worker = new Worker(WORKER_SOURCE + PLUMBING, { eval: true, stdout: false, stderr: false });
  worker.unref();
  return worker;
}

function connect(worker: Worker, { onMessage, onError }: Parameters<SpawnWorker>[0]): ReturnType<SpawnWorker> {
  worker.on("message", (message: FromWorker | ReadDone) => {
    if (message.type !== "read") onMessage(message);
  });
  worker.on("error", (error) => onError(String(error)));
  return {
    post: (message) => worker.postMessage(message),
    terminate: () => void worker.terminate(),
  };
}

interface ReadDone {
  readonly type: "read";
  readonly id: number;
  readonly checksum: number | undefined;
}

/** `spawn`, and a way to read with the first thread that it started: it is idle while a model is loaded. */
export function spawnReaders(): { readonly spawn: SpawnWorker; readonly aside: () => ReadAside | undefined } {
  let read: ReadAside | undefined;
  return {
    spawn: (handlers) => {
      const worker = start();
      read ??= reader(worker);
      return connect(worker, handlers);
    },
    aside: () => read,
  };
}

/** Models that are loaded at the same time read at the same time. */
function reader(worker: Worker): ReadAside {
  const waiting = new Map<number, (checksum: number | undefined) => void>();
  let ids = 0;
  let gone = false;
  const answer = (id: number, checksum: number | undefined): void => {
    waiting.get(id)?.(checksum);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
  };
  worker.on("message", (message: FromWorker | ReadDone) => {
    if (message.type === "read") answer(message.id, message.checksum);
  });
  worker.once("exit", () => {
    gone = true;
    for (const id of [...waiting.keys()]) answer(id, undefined);
  });
  return async (read: AsideRead) => {
    if (gone) return undefined;
    const id = ids++;
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      // Nothing else may keep the process alive meanwhile.
      worker.ref();
      worker.postMessage({ type: "read", id, ...read });
    });
  };
}

/** Sets V8's flag for relaxed SIMD where it is needed and wanted; comes before the first module is compiled. */
export function allowRelaxedSimd(instructions: WasmBackendOptions["instructions"] = "auto"): void {
  if ((instructions === "auto" || instructions === "relaxed") && !hasRelaxedSimd()) {
    setFlagsFromString("--experimental-wasm-relaxed-simd");
  }
}

export interface NodeWasmOptions extends WasmBackendOptions {
  /** What is kept in the cache folder. Default "nothing". */
  readonly keep?: Prepared | undefined;
}

/**
 * Opens the WASM backend in Node. V8 in Node 20 compiles relaxed SIMD only behind a flag, which is set before the
 * first module is compiled, unless `instructions` asks for less. Multiply-add then rounds once instead of twice.
 * @throws DeviceError, OptionError like `createWasmBackend`.
 */
export async function openWasm(options: NodeWasmOptions = {}): Promise<Backend> {
  const { keep = "nothing", ...plain } = options;
  allowRelaxedSimd(plain.instructions);
  const readers = spawnReaders();
  const store = keep === "nothing" ? undefined : filePreparedStore(keep, readers.aside);
  return createWasmBackend({ spawn: readers.spawn, cores: availableParallelism(), store, ...plain });
}
