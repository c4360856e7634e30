/** The workers of a `detect` run, and how many there are. */

import { DeviceError, invariant, WorkerError } from "../../../errors.js";
import { builtFile } from "../../../node/workers/builtFile.js";
import { workersByCores } from "../../../node/workers/howMany.js";
import { WorkerPool } from "../../../node/workers/workerPool.js";
import { computesOnDevice } from "../../../runtime/backendNames.js";
import type { Result } from "../../../yolov5/model.js";
import { resultOf } from "../../../yolov5/output/outcome.js";
import { errorLine } from "../../errors.js";
import type { DetectFlags } from "../../options/flags.js";
import type { SourceItem } from "../sources/sourceItem.js";
import type { DetectAnswer, DetectJob, DetectSeed, Frame } from "./jobs.js";
import type { Processed } from "./pictureBatch.js";

/** Below this, threads take longer to start than they save. */
const LEAST_PICTURES = 12;
/** Number of pictures that justifies starting another worker. */
const PICTURES_PER_WORKER = 4;
const PROGRAM = "detectWorker.js";

/**
 * How many workers a run has; 0: this thread does everything, and each picture gets all threads of the backend.
 */
export function workersFor(flags: WorkersFlags, items: readonly SourceItem[]): number {
  const pictures = items.filter(({ video, error }) => !video && error === undefined).length;
  return workersForPictures(flags, items.some(({ video }) => video) ? Number.POSITIVE_INFINITY : pictures);
}

export type WorkersFlags = Pick<DetectFlags, "workers" | "threads" | "backend">;

/** @param files how many pictures there are; infinitely many in videos. */
export function workersForPictures({ workers, threads, backend }: WorkersFlags, files: number): number {
  if (builtFile(PROGRAM) === undefined || computesOnDevice(backend)) return 0;
  if (workers !== undefined) return workers;
  if (files < LEAST_PICTURES) return 0;
  const most = Math.min(workersByCores(threads), Math.floor(files / PICTURES_PER_WORKER));
  return most < 2 ? 0 : most;
}

export interface ProcessedBatch {
  readonly processed: readonly Processed<Result>[];
  readonly warnings: readonly string[];
}

interface Frames {
  readonly results: readonly Result[];
  readonly frames: readonly Frame[];
  readonly warnings: readonly string[];
}

export class DetectWorkers {
  readonly count: number;
  private readonly names: readonly string[];
  private readonly pool: WorkerPool<DetectJob, DetectAnswer>;

  /** @throws DeviceError if this build has no workers. */
  constructor(count: number, seed: DetectSeed) {
    const file = builtFile(PROGRAM);
    if (file === undefined) throw new DeviceError("this build has no workers; use --workers 0");
    this.count = count;
    this.names = seed.model.names;
    this.pool = new WorkerPool({ file, data: seed, threads: count });
  }

  /** Number of jobs in flight: finished ones may have to wait for an earlier one. */
  get ahead(): number {
    return 3 * this.count;
  }

  /** As `processBatch`; a worker that ends fails its pictures. */
  async pictures(items: readonly SourceItem[]): Promise<ProcessedBatch> {
    let answer: DetectAnswer;
    try {
      answer = await this.pool.run({ kind: "pictures", items });
    } catch (error) {
      if (!(error instanceof WorkerError)) throw error;
      const message = errorLine(error);
      return {
        processed: items.map(({ source }) => ({ kind: "failed", message: `${source}: ${message}` })),
        warnings: [],
      };
    }
    invariant(answer.kind === "pictures", "an answer to another job");
    const { processed, warnings } = answer;
    const here = processed.map((entry) =>
      entry.kind === "found" ? { ...entry, found: resultOf(entry.found, this.names) } : entry,
    );
    return { processed: here, warnings };
  }

  /** Transfers the frames and gets them back. */
  async frames(source: string, frames: readonly Frame[]): Promise<Frames> {
    const transfer = frames.map(({ data }) => data.buffer as ArrayBuffer);
    const answer = await this.pool.run({ kind: "frames", source, frames }, { transfer });
    invariant(answer.kind === "frames", "an answer to another job");
    const { outcomes, warnings } = answer;
    return { results: outcomes.map((outcome) => resultOf(outcome, this.names)), frames: answer.frames, warnings };
  }

  dispose(): void {
    this.pool.dispose();
  }
}
