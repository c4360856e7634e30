/** Computes a model's batches, in worker threads or on the server's own thread. */

import { setImmediate as turn } from "node:timers/promises";
import { fromWire } from "../../../api/wireError.js";
import { DeviceError } from "../../../errors.js";
import { builtFile } from "../../workers/builtFile.js";
import { wholeBuffers } from "../../workers/wholeBuffers.js";
import { WorkerPool } from "../../workers/workerPool.js";
import type { Engine } from "./engine.js";
import type { SentAnswer, ServeAnswer, ServeJob, ServeSeed } from "./jobs.js";

export interface Runner {
  /** Batches that it computes at once. */
  readonly slots: number;
  /** Worker threads; 0: the server's own thread. */
  readonly workers: number;
  run(jobs: readonly ServeJob[]): Promise<readonly (ServeAnswer | Error)[]>;
  dispose(): void;
}

const PROGRAM = "serveWorker.js";

/** False if this code runs from source or in a bundle. */
export const hasWorkers = (): boolean => builtFile(PROGRAM) !== undefined;

/** @throws DeviceError if this build has no workers. */
export function inWorkers(count: number, seed: ServeSeed): Runner {
  const file = builtFile(PROGRAM);
  if (file === undefined) throw new DeviceError("this build has no workers; set `workers` to 0");
  const pool = new WorkerPool<readonly ServeJob[], readonly SentAnswer[]>({ file, data: seed, threads: count });
  const run = async (jobs: readonly ServeJob[]): Promise<(ServeAnswer | Error)[]> => {
    // Request bodies are no longer needed here.
    const transfer = wholeBuffers(jobs.map((job) => (job.kind === "detect" ? job.bytes : job.data)));
    const answers = await pool.run(jobs, { transfer });
    return answers.map((answer) => ("error" in answer ? fromWire(answer.error) : answer));
  };
  return { slots: count, workers: count, run, dispose: () => pool.dispose() };
}

/** @param slots more than one if the engine waits for a device meanwhile. */
export function onThisThread(engine: Engine, slots: number, dispose: () => void): Runner {
  const run = async (jobs: readonly ServeJob[]): Promise<(ServeAnswer | Error)[]> => {
    const answers = await engine.run(jobs);
    // Between two batches, the server handles requests, deadlines and disconnected clients.
    await turn();
    return answers;
  };
  return { slots, workers: 0, run, dispose };
}
