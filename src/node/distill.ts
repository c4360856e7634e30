/** Distillation between two checkpoints: a student of any size learns to give what its teacher gives, with or without labels. */

import type { WeightSource } from "../api/sources.js";
import { measureNorms } from "../compress/calibration/normStatistics.js";
import { type CalibrationSample, calibrationInputs } from "../compress/calibration/pictures.js";
import { headMaps } from "../compress/headMaps.js";
import type { RecoverProgress } from "../compress/recover/options.js";
import { splitPictures, type TrainingSample } from "../compress/recover/pictures.js";
import { recover } from "../compress/recover/recover.js";
import { assertSameHead } from "../compress/recover/sameHead.js";
import type { CurvePoint } from "../compress/recover/state.js";
import { type ImageError, UnsupportedError } from "../errors.js";
import type { Backend, BackendChoice } from "../runtime/backend.js";
import type { ModuleNode } from "../weights/types.js";
import { throwIfAborted } from "../yolov5/calls/abort.js";
import { exportSafetensors } from "../yolov5/checkpoint/exportSafetensors.js";
import type { ModelInfo } from "../yolov5/checkpoint/modelInfo.js";
import { isQuantized } from "../yolov5/checkpoint/quantized.js";
import { createMember } from "../yolov5/loadModel.js";
import { checkImageSize } from "../yolov5/options.js";
import { openBackend } from "./backends.js";
import { openTrainer } from "./trainers.js";
import { type OpenedWeights, type OpenWeightsOptions, openWeights } from "./weightSource.js";

/** Of a student with random weights, which has further to go than a pruned one. */
const RANDOM_LEARNING_RATE = 1e-2;
/** Pictures that its statistics come from, at the longer side that training uses at most. */
const STATISTICS = { count: 32, imgsz: 320 } as const;

/** Two networks whose heads give the same maps. */
export interface Pair {
  readonly teacher: OpenedWeights;
  /** With the teacher's class names. */
  readonly student: OpenedWeights;
  /** The teacher's facts. */
  readonly info: ModelInfo;
  readonly studentInfo: ModelInfo;
  readonly learningRate?: number | undefined;
}

/**
 * Opens both; random weights (`random:yolov5n`) get the teacher's head.
 * @throws UnsupportedError with both names where heads differ, or for a file that cannot be trained; errors of `openWeights`.
 */
export async function openPair(
  teacher: WeightSource,
  student: WeightSource,
  backend: Backend,
  options: Omit<OpenWeightsOptions, "like"> = {},
): Promise<Pair> {
  const wanted = await openWeights(teacher, options);
  const info = factsOf(wanted, backend);
  const own = await openWeights(student, { ...options, like: info });
  const { module, checkpoint } = own.opened;
  const named = { ...module, attributes: new Map([...module.attributes, ["names", [...info.names]] as const]) };
  const opened: OpenedWeights = { ...own, opened: { module: named, checkpoint } };
  const studentInfo = factsOf(opened, backend);
  const side = 2 * Math.max(info.stride, studentInfo.stride);
  const mapsOf = (weights: OpenedWeights) => headMaps(weights.opened.module, [1, 3, side, side]);
  assertSameHead(mapsOf(wanted), mapsOf(opened), { teacher: wanted.path, student: own.path });
  const random = own.bytes === undefined;
  return {
    teacher: wanted,
    student: opened,
    info,
    studentInfo,
    ...(random ? { learningRate: RANDOM_LEARNING_RATE } : {}),
  };
}

function factsOf({ opened, path }: OpenedWeights, backend: Backend): ModelInfo {
  const { info } = createMember(opened, backend, { path });
  const refuse = (what: string): UnsupportedError => new UnsupportedError(`${path}: ${what}`, { path });
  if (info.task === "classify") throw refuse("is a classification model; distillation is for networks that find boxes");
  if (isQuantized(opened.module)) throw refuse("is already int8; give the checkpoint it was made from");
  if (opened.checkpoint.decoding) {
    throw refuse("the file's own operators decode its head; give the .pt checkpoint that it was exported from");
  }
  return info;
}

/** @returns the student as it enters training: random weights get statistics from the pictures that are trained on. */
export async function startOf(
  { student, info }: Pair,
  pictures: readonly CalibrationSample[],
  backend: Backend,
  {
    imgsz,
    signal,
    onProgress,
  }: {
    readonly imgsz: number;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
  },
): Promise<ModuleNode> {
  const { module } = student.opened;
  if (student.bytes !== undefined) return module;
  const inputs = await calibrationInputs(splitPictures(pictures).trained, {
    count: STATISTICS.count,
    imgsz: Math.min(STATISTICS.imgsz, imgsz),
    stride: info.stride,
    signal,
  });
  return measureNorms(module, inputs, backend, { signal, onProgress });
}

/** The bytes of a trained student's `.safetensors` file. */
export function distilledFile({ student, studentInfo }: Pair, module: ModuleNode): Uint8Array {
  const { checkpoint } = student.opened;
  return exportSafetensors({ module, checkpoint }, studentInfo);
}

/** Options of `distill`. */
export interface DistillOptions {
  /** Longer side of the input that the student is meant for. Default 640; training uses at most 320. */
  readonly imgsz?: number | undefined;
  /** How long to train. Default 30. */
  readonly minutes?: number | undefined;
  /** So many steps of four pictures instead: the same result on every run. */
  readonly steps?: number | undefined;
  /** How much a step may change a tensor, as a share of its size. Default 0.002, and 0.01 for random weights. */
  readonly learningRate?: number | undefined;
  /** Learn from the labels of the samples too (`truth`), with the loss of heads with anchors. Default false. */
  readonly labels?: boolean | undefined;
  /** Compare what the necks give their heads too, with this weight. Default: the heads' maps alone. */
  readonly features?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Default `auto`. WebGPU trains on the device, every other backend on WASM. */
  readonly backend?: BackendChoice | undefined;
  /** Of WASM. Default: one per core, at most eight. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receives notes about decisions. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Told of every step. */
  readonly onProgress?: ((progress: RecoverProgress) => void) | undefined;
  /** Told once of every picture that cannot be decoded, and is therefore left out. */
  readonly onUnreadable?: ((error: ImageError) => void) | undefined;
  /** A run that was interrupted, as `onState` received it. */
  readonly saved?: Uint8Array | undefined;
  /** Receives the run every minute and when it is aborted, and the best student so far as a `.safetensors` file. */
  readonly onState?: ((state: () => Uint8Array, best: () => Uint8Array) => Promise<void>) | undefined;
}

/** What `distill` made. */
export interface DistilledModel {
  /** A `.safetensors` file that `load` takes. */
  readonly bytes: Uint8Array;
  /** The looks at watched pictures, the first before training. */
  readonly curve: readonly CurvePoint[];
  readonly steps: number;
  readonly seconds: number;
  /** How many were trained on, and how many the curve is about. */
  readonly pictures: { readonly trained: number; readonly watched: number };
}

/**
 * Trains a student to give what a teacher gives, on pictures without labels (Hinton et al. 2015). Both must have the same
 * classes, anchors, strides and head; widths, depths and blocks may differ. See docs/optimising.md.
 * @param student a checkpoint, or `random:yolov5n` for random weights, which get the teacher's classes and anchors.
 * @param pictures samples of a data set, see `openDataset`; labels are used only with `labels`.
 * @throws UnsupportedError for heads that differ, networks that cannot be trained, or labels with a head without anchors; DatasetError without pictures; as `load`;
 *   the signal's reason, after `onState`.
 * @example
 * const { samples } = await openDataset("photos", { names: [], labels: false });
 * const { bytes } = await distill("best.pt", "random:yolov5n", samples, { minutes: 30 });
 */
export async function distill(
  teacher: WeightSource,
  student: WeightSource,
  pictures: readonly TrainingSample[],
  options: DistillOptions = {},
): Promise<DistilledModel> {
  const { signal, onNote, threads, minutes = 30, steps, onState } = options;
  throwIfAborted(signal);
  const backend = await openBackend(options.backend ?? "auto", { onNote, threads });
  try {
    const pair = await openPair(teacher, student, backend, { signal, onWarning: onNote });
    const wanted = options.imgsz ?? 640;
    const [imgsz] = checkImageSize([wanted, wanted], pair.info.stride, onNote ?? (() => undefined));
    const start = await startOf(pair, pictures, backend, { imgsz, signal });
    const { learningRate = pair.learningRate, labels, features, seed, saved, onProgress, onUnreadable } = options;
    const { module, ...facts } = await recover(pair.teacher.opened.module, start, {
      ...{ backend, pictures, labels, imgsz, learningRate, seed, signal, saved, onProgress, onUnreadable },
      openTrainer: (graph) => openTrainer(backend.name, graph, { threads }),
      features: features === undefined ? undefined : { weight: features },
      limit: steps === undefined ? { minutes } : { steps },
      onState: onState && ((state, best) => onState(state, () => distilledFile(pair, best()))),
    });
    return { bytes: distilledFile(pair, module), ...facts };
  } finally {
    backend.dispose();
  }
}
