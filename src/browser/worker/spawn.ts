/** Starts workers without a file to host, wherever the page's policy allows them. */

import type { WorkerLike } from "../../api/loadOptions.js";
import { SHADER_TEXTS } from "../../kernels/wgsl/texts.js";
import { onAbort, throwIfAborted } from "../../yolov5/calls/abort.js";
import type { FromHost } from "./protocol.js";

/** A worker that has not said that it started by then was blocked without an error. */
const START_MS = 10_000;

export interface StartedWorker {
  readonly worker: Worker;
  readonly terminate: () => void;
}

/** Resolves when the worker says that it runs; rejects with the reason when it does not. */
function started(worker: Worker, signal: AbortSignal | undefined): Promise<StartedWorker> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void): void => {
      clearTimeout(timer);
      stopListening();
      worker.onmessage = null;
      worker.onerror = null;
      act();
    };
    const fail = (reason: unknown): void =>
      end(() => {
        worker.terminate();
        reject(reason);
      });
    const timer = setTimeout(() => fail(new Error("it did not answer")), START_MS);
    const stopListening = onAbort(signal, fail);
    worker.onmessage = (event: MessageEvent<FromHost>) => {
      if (event.data.type === "started") end(() => resolve({ worker, terminate: () => worker.terminate() }));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new Error(event.message || "it was blocked, maybe by the page's Content-Security-Policy (worker-src)"));
    };
  });
}

/**
 * Starts a worker from its text.
 * @throws Error with the reason when it does not run.
 */
export async function startProgram(program: string, signal: AbortSignal | undefined): Promise<StartedWorker> {
  if (program === "") throw new Error("this build has no worker in it");
  const url = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  try {
    return await started(new Worker(url, { type: "module", name: "yolov5-ts" }), signal);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The smallest program that does what is asked of it. */
async function modelProgram(light: boolean): Promise<string> {
  if (light) return (await import("./programs/light.js")).PROGRAM;
  const { PROGRAM } = await import("./programs/model.js");
  // The page has the shaders, so that they are not loaded twice (scripts/build.mjs).
  return PROGRAM && `globalThis.yolov5Shaders=${JSON.stringify(SHADER_TEXTS)};${PROGRAM}`;
}

/**
 * Starts the model's worker: the caller's own, else from a blob, else from `worker.js` beside the entry (pages that serve
 * `dist` under a policy without `worker-src blob:`).
 * @param light the worker needs no WebGPU
 * @throws Error with the reason when none of them runs.
 */
export async function spawnModelWorker(
  create: (() => WorkerLike) | undefined,
  light: boolean,
  signal: AbortSignal | undefined,
): Promise<StartedWorker> {
  throwIfAborted(signal);
  if (create) return started(create() as Worker, signal);
  try {
    return await startProgram(await modelProgram(light), signal);
  } catch (error) {
    throwIfAborted(signal);
    // Kept from bundlers on purpose: they would copy a second worker beside the first.
    const here: string = import.meta.url;
    const file = new URL("../worker.js", here);
    if (file.origin !== globalThis.location?.origin) throw error;
    return await started(new Worker(file, { type: "module", name: "yolov5-ts" }), signal).catch(() => {
      throw error;
    });
  }
}
