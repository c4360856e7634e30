/** `compress --recover`: trains the pruned network to give what the unpruned one gives, keeps the run, and tells how it goes. */

import { readFile } from "node:fs/promises";
import { recover } from "../../compress/recover/recover.js";
import type { CurvePoint } from "../../compress/recover/state.js";
import { studentOf } from "../../compress/recover/student.js";
import { EngineError } from "../../errors.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import { openWasmTrainer } from "../../node/trainers.js";
import type { Backend } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import type { Output } from "../output.js";
import { counted } from "../table.js";
import type { CompressFlags } from "./flags.js";

/** Default of `--recover-minutes`; its help says so. */
const MINUTES = 30;

export interface RecoveryFacts {
  readonly steps: number;
  readonly seconds: number;
  readonly trainedOn: number;
  readonly heldOut: number;
  readonly curve: readonly CurvePoint[];
}

export interface RecoveryContext {
  readonly flags: CompressFlags;
  readonly output: Output;
  readonly backend: Backend;
  /** Pictures to train on. */
  readonly recovery: DetectionDataset;
  readonly imgsz: number;
  /** Receives the best network of a training that Ctrl-C has ended. */
  readonly keepBest: (module: ModuleNode) => Promise<void>;
}

/**
 * Before minutes of pruning: whether the network can be trained.
 * @throws UnsupportedError for one without boxes, or with an op that has no gradient.
 */
export async function checkTrainable(module: ModuleNode, stride: number): Promise<void> {
  const { training } = studentOf(module, [1, 3, 2 * stride, 2 * stride]);
  (await openWasmTrainer(training, { threads: 1 })).dispose();
}

export async function recoverAccuracy(
  teacher: ModuleNode,
  student: ModuleNode,
  { flags, output, backend, recovery, imgsz, keepBest }: RecoveryContext,
): Promise<{ readonly module: ModuleNode; readonly facts: RecoveryFacts; readonly note: string }> {
  const { signal } = output.io;
  const { recoverMinutes: minutes = MINUTES, recoverSteps: steps, recoverState: file, threads } = flags;
  const saved = file === undefined ? undefined : await readState(file);
  if (flags.recoverData === undefined && flags.calibrationData === undefined) {
    output.line("note: these pictures are measured too, which flatters; name others with --recover-data");
  }
  let seen = Number.NaN;
  try {
    const result = await recover(teacher, student, {
      backend,
      openTrainer: (graph) => openWasmTrainer(graph, threads === undefined ? {} : { threads }),
      pictures: recovery.samples,
      imgsz,
      limit: steps === undefined ? { minutes } : { steps },
      signal,
      saved,
      onProgress: ({ step, steps: total, loss, heldOut, secondsLeft }) => {
        if (heldOut === seen) return;
        seen = heldOut;
        const left = `${Math.ceil(secondsLeft / 60)} min left`;
        output.line(
          `  step ${step} of ${total}: loss ${loss.toFixed(3)}, held-out pictures ${heldOut.toFixed(3)}, ${left}`,
        );
      },
      onState: async (bytes, best) => {
        if (file !== undefined) await writeAtomically(file, bytes());
        if (signal.aborted) await keepBest(best());
      },
    });
    const { curve } = result;
    const [first] = curve;
    const best = curve.reduce((least, point) => (point.heldOut < least.heldOut ? point : least));
    const [trainedOn, heldOut] = result.pictures;
    const note = `Recovered: ${counted(result.steps, "step")} in ${(result.seconds / 60).toFixed(1)} min on ${counted(trainedOn, "picture")}; distance from the unpruned network on ${heldOut} held-out ones ${first.heldOut.toFixed(3)} → ${best.heldOut.toFixed(3)} (step ${best.step})`;
    return {
      module: result.module,
      facts: { steps: result.steps, seconds: result.seconds, trainedOn, heldOut, curve },
      note,
    };
  } catch (error) {
    if (file !== undefined && error instanceof EngineError && error.code === "CHECKPOINT") {
      error.message = `${file}: ${error.message}`;
    }
    throw error;
  }
}

/** The file's bytes, undefined where there is none yet. */
async function readState(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
