/** The workers of a `val` run. */

import { fromWire } from "../../api/wireError.js";
import { WorkerError } from "../../errors.js";
import type { BatchMeasurer } from "../../eval/evaluate.js";
import type { MeasuredBatch, MeasureOptions, PlannedSample } from "../../eval/measurePictures.js";
import { builtFile } from "../../node/workers/builtFile.js";
import { workersByCores } from "../../node/workers/howMany.js";
import { WorkerPool } from "../../node/workers/workerPool.js";
import { computesOnDevice } from "../../runtime/backendNames.js";
import type { ValFlags } from "./flags.js";
import type { ValAnswer, ValJob, ValSeed } from "./valWorker.js";

const PROGRAM = "valWorker.js";

/** How many workers a run has; 0: this thread measures, and each picture gets all threads of the backend. */
export function valWorkersFor({ workers, threads, backend }: ValFlags): number {
  if (builtFile(PROGRAM) === undefined || computesOnDevice(backend)) return 0;
  if (workers !== undefined) return workers;
  const most = workersByCores(threads);
  return most < 2 ? 0 : most;
}

export class ValWorkers implements BatchMeasurer {
  readonly ahead: number;
  private readonly pool: WorkerPool<ValJob, ValAnswer>;
  private readonly onWarning: (text: string) => void;

  constructor(count: number, seed: ValSeed, onWarning: (text: string) => void) {
    // Finished ones may have to wait for an earlier one.
    this.ahead = 3 * count;
    this.onWarning = onWarning;
    this.pool = new WorkerPool({ file: builtFile(PROGRAM) ?? PROGRAM, data: seed, threads: count });
  }

  readonly measure = async (batch: readonly PlannedSample[], options: MeasureOptions): Promise<MeasuredBatch> => {
    const job = batch.map(({ sample: { name, width, height, truth }, size }) => {
      return { path: name, width, height, truth, size };
    });
    try {
      const { pictures, ms, warnings } = await this.pool.run({ batch: job, options });
      for (const warning of warnings) this.onWarning(warning);
      return { pictures: pictures.map((picture) => ("error" in picture ? fromWire(picture.error) : picture)), ms };
    } catch (error) {
      if (!(error instanceof WorkerError)) throw error;
      const pictures = batch.map(({ sample }) => new WorkerError(`${sample.name}: ${error.message}`));
      return { pictures, ms: { preprocess: 0, inference: 0, postprocess: 0 } };
    }
  };

  dispose(): void {
    this.pool.dispose();
  }
}
