/** `compress --recover` and `distill`: train a network to give what another one gives, keep the run, and tell how it goes. */

import { readFile } from "node:fs/promises";
import { calibratedLike, convertTree } from "../../compress/quantize/calibrated.js";
import type { CalibratedTree, QuantizationFacts } from "../../compress/quantize/quantize.js";
import { roundingOf } from "../../compress/recover/int8.js";
import { assertLabelHead } from "../../compress/recover/labelLoss.js";
import type { FeatureOptions } from "../../compress/recover/options.js";
import { LEAST_TO_HOLD_OUT, splitPictures } from "../../compress/recover/pictures.js";
import { recover } from "../../compress/recover/recover.js";
import type { CurvePoint } from "../../compress/recover/state.js";
import { studentOf } from "../../compress/recover/student.js";
import { DatasetError, EngineError } from "../../errors.js";
import { assertLabels } from "../../eval/assertLabels.js";
import type { DetectionDataset } from "../../eval/dataset/types.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import { openTrainer } from "../../node/trainers.js";
import type { Backend } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { OpenedModel } from "../../yolov5/loadModel.js";
import type { Output } from "../output.js";
import { counted } from "../table.js";
import { agreementWith } from "./agreement.js";

/** Default of `--recover-minutes` and of `--minutes` of `distill`; their help says so. */
const MINUTES = 30;

/** With int8, what training gains is small, and pictures that were trained on would flatter it: even of few, some are held out. */
const LEAST_OF_INT8 = 2;

export interface RecoveryFacts {
  readonly steps: number;
  readonly seconds: number;
  readonly trainedOn: number;
  /** Pictures that the curve is about. */
  readonly watched: number;
  /** Watched pictures were not trained on. */
  readonly heldOut: boolean;
  /** The one whose weights are kept. */
  readonly kept: CurvePoint;
  readonly curve: readonly CurvePoint[];
}

/** What the user says of a training. */
export interface TrainingFlags {
  readonly minutes?: number | undefined;
  /** Of the minutes. Default: all. */
  readonly share?: number | undefined;
  readonly steps?: number | undefined;
  /** File that the run is kept in and continued from. */
  readonly state?: string | undefined;
  readonly threads?: number | undefined;
  /** Learn from the labels of the pictures too. */
  readonly labels?: boolean | undefined;
  /** Weight of the neck's features. */
  readonly features?: number | undefined;
}

/** What a command calls a training. */
export interface TrainingWords {
  /** At the progress bar. */
  readonly doing: string;
  /** Begins the note about how it went. */
  readonly done: string;
  readonly teacher: string;
  /** How to know how well it went, where no picture is held out; undefined where that was said. */
  readonly measure?: string | undefined;
}

export interface RecoveryContext {
  readonly training: TrainingFlags;
  readonly words: TrainingWords;
  readonly output: Output;
  readonly backend: Backend;
  /** Pictures to train on. */
  readonly recovery: DetectionDataset;
  readonly info: ModelInfo;
  readonly imgsz: number;
  readonly learningRate?: number | undefined;
  readonly seed?: number | undefined;
  /** What pruning has left of the neck's channels. */
  readonly kept?: FeatureOptions["kept"];
  /** The student is trained for int8, as it was calibrated. */
  readonly int8?: CalibratedTree | undefined;
  readonly bars: { update(name: string, done: number, total: number): void; stop(): void };
  /** Receives the best network of a training that Ctrl-C has ended. */
  readonly keepBest: (module: ModuleNode, int8?: QuantizationFacts) => Promise<void>;
}

/**
 * Before minutes of pruning: whether the network can be trained beside this backend, and with labels where they are given.
 * @throws UnsupportedError for one without boxes, or with an op that has no gradient there; for labels without anchors.
 */
export async function checkTrainable(
  module: ModuleNode,
  stride: number,
  { name }: Backend,
  labels: boolean | undefined,
): Promise<void> {
  const { training, head } = studentOf(module, [1, 3, 2 * stride, 2 * stride]);
  if (labels) assertLabelHead(head);
  (await openTrainer(name, training, { threads: 1 })).dispose();
}

/** @throws DatasetError where labels are to be learnt, and there are none, or of classes that the model lacks. */
export function checkTrainingLabels(info: ModelInfo, recovery: DetectionDataset): void {
  assertLabels({ info }, recovery, undefined);
  if (recovery.samples.some(({ truth }) => truth.classes.length > 0)) return;
  throw new DatasetError(
    `${recovery.name}: has no labels to learn from; train without them, or name labelled pictures`,
  );
}

export async function recoverAccuracy(
  teacher: OpenedModel,
  student: ModuleNode,
  {
    training,
    words,
    output,
    backend,
    recovery,
    info,
    imgsz,
    learningRate,
    seed,
    kept: keptChannels,
    int8,
    bars,
    keepBest,
  }: RecoveryContext,
): Promise<{ readonly module: ModuleNode; readonly facts: RecoveryFacts; readonly note: string }> {
  const { signal } = output.io;
  const { minutes = MINUTES, share = 1, steps, state: file, threads, labels, features } = training;
  const saved = file === undefined ? undefined : await readState(file);
  const leastToHoldOut = int8 ? LEAST_OF_INT8 : LEAST_TO_HOLD_OUT;
  const { watched, heldOut } = splitPictures(recovery.samples, leastToHoldOut);
  const few = recovery.samples.length < LEAST_TO_HOLD_OUT;
  if (few && words.measure !== undefined) {
    const held = heldOut ? `the distance on the ${watched.length} held out decides` : "none is held out";
    output.line(
      `note: ${counted(recovery.samples.length, "picture")} to train on are few, so ${held}; ${words.measure}`,
    );
  }
  const inInt8 = async (module: ModuleNode): Promise<ModuleNode> =>
    int8 ? (await convertTree(module, calibratedLike(module, int8), signal)).module : module;
  let last: CurvePoint | undefined;
  try {
    // Boxes in a few pictures say less than the distance of all numbers of their maps.
    const agreement = int8 && few ? undefined : await agreementWith(teacher, watched, { backend, info, imgsz, signal });
    const result = await recover(teacher.module, student, {
      backend,
      openTrainer: (graph) => openTrainer(backend.name, graph, { threads }),
      pictures: recovery.samples,
      labels,
      features: features === undefined ? undefined : { weight: features, kept: keptChannels },
      imgsz,
      learningRate,
      seed,
      limit: steps === undefined ? { minutes: minutes * share } : { steps },
      agreement: agreement && (async (module) => agreement(await inInt8(module))),
      rounding: int8 && roundingOf(int8),
      leastToHoldOut,
      signal,
      saved,
      onUnreadable: ({ message }) => output.warn(`${message}; the picture is left out`),
      onProgress: (progress) => {
        bars.update(`${words.doing}, ${timeLeft(progress.secondsLeft)}`, progress.step, progress.steps);
        if (progress.last === last) return;
        last = progress.last;
        bars.stop();
        output.line(`  step ${last.step}: loss ${last.loss.toFixed(3)}, ${curveText(last)}`);
      },
      onState: async (bytes, best) => {
        if (file !== undefined) await writeAtomically(file, bytes());
        if (signal.aborted) await keepBest(await inInt8(best()), int8?.facts);
      },
    });
    const { curve, kept: point } = result;
    const { trained, watched: looked } = result.pictures;
    const on = heldOut ? counted(looked, "held-out picture") : `${looked} of them`;
    const kept =
      point === curve[0]
        ? `it came no closer to the ${words.teacher}, so the start is kept`
        : `step ${point.step} is kept`;
    const note = `${words.done}: ${counted(result.steps, "step")} in ${(result.seconds / 60).toFixed(1)} min on ${counted(trained, "picture")}; ${kept}; on ${on}: ${curveText(curve[0])} → ${curveText(point)}`;
    return {
      module: await inInt8(result.module),
      facts: {
        ...{ steps: result.steps, seconds: result.seconds, trainedOn: trained, watched: looked, heldOut },
        kept: point,
        curve,
      },
      note,
    };
  } catch (error) {
    if (file !== undefined && error instanceof EngineError && error.code === "CHECKPOINT") {
      error.message = `${file}: ${error.message}`;
    }
    throw error;
  }
}

function curveText({ agreement, distance }: CurvePoint): string {
  const text = `distance ${distance.toFixed(3)}`;
  return agreement === undefined ? text : `agreement ${agreement.toFixed(3)}, ${text}`;
}

function timeLeft(seconds: number): string {
  return seconds < 90 ? "about a minute left" : `${Math.round(seconds / 60)} min left`;
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
