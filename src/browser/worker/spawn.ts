/** Starts workers without a hosted file, if the page's policy allows it. */

import type { WorkerLike } from "../../api/loadOptions.js";
import { onAbort, throwIfAborted } from "../../yolov5/calls/abort.js";
import type { FromHost } from "./protocol.js";

/** A worker that has not reported its start by then was blocked without an error. */
const START_MS = 10_000;

export interface StartedWorker {
  readonly worker: Worker;
  readonly terminate: () => void;
}

/** Resolves when the worker reports that it runs; rejects with the reason if it does not. */
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
 * Starts a worker from its source.
 * @throws Error with the reason if it does not run.
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

/** The smallest worker program for the requested backend. */
async function modelProgram(light: boolean): Promise<string> {
  const { PROGRAM } = await (light ? import("./programs/light.js") : import("./programs/model.js"));
  return PROGRAM;
}

/**
 * Starts the model's worker: the caller's own, else from a blob, else from `worker.js` next to the entry (for pages
 * that serve `dist` under a policy without `worker-src blob:`).
 * @param light whether the worker can do without WebGPU.
 * @throws Error with the reason if none of them runs.
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
    // Hidden from bundlers on purpose: they would emit a second copy of the worker.
    const here: string = import.meta.url;
    const file = new URL("../worker.js", here);
    if (file.origin !== globalThis.location?.origin) throw error;
    return await started(new Worker(file, { type: "module", name: "yolov5-ts" }), signal).catch(() => {
      throw error;
    });
  }
}
