/** The options of `detect` applied to a model: options for detection, for processing results, and for workers. */

import type { Font } from "../../image/index.js";
import { type DetectOptions, resolveOptions } from "../../yolov5/options.js";
import type { CliModel, LoadedModel } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import { sliceOptions } from "../options/slices.js";
import { heightWidth } from "../options/values.js";
import type { Output } from "../output.js";
import { Sequence } from "./count/sequence.js";
import { hiddenParts } from "./hide/blurFlags.js";
import { tellIgnored } from "./ignored.js";
import { labelFormats } from "./labels/labelFlags.js";
import { DetectWorkers } from "./work/detectWorkers.js";
import type { FinishOptions } from "./work/finish.js";

const PROJECTS = {
  detect: "runs/detect",
  segment: "runs/predict-seg",
  pose: "runs/predict-pose",
  classify: "runs/predict-cls",
} as const;

/** The parent folder of runs. */
export function projectOf(flags: DetectFlags, model: CliModel): string {
  return flags.project ?? PROJECTS[model.task];
}

export interface DetectSetup {
  readonly options: DetectOptions;
  readonly finishing: FinishOptions;
  /** Tracks and counts. */
  readonly sequence: Sequence;
  readonly font: Font | undefined;
  /** Undefined: this thread processes the pictures. */
  readonly workers: DetectWorkers | undefined;
  readonly expect: LoadedModel["expect"];
}

export interface DetectMeans {
  /** Whether videos may be among the sources. */
  readonly videos: boolean;
  readonly font: Font | undefined;
  /** Number of threads that process pictures; 0: this thread does. */
  readonly count: number;
  readonly output: Output;
}

/** @throws OptionError; UsageError for classes to hide that the model does not know. */
export function setUpDetect(
  flags: DetectFlags,
  { model, seed, expect }: LoadedModel,
  { videos, font, count, output }: DetectMeans,
): DetectSetup {
  const hidden = hiddenParts(flags, model.task, model.names);
  // To hide objects in frames in which they are not found.
  const bridged = hidden !== undefined && videos;
  const onWarning = (text: string): void => output.warn(text);
  const sequence = new Sequence(flags, { task: model.task, hidden: hidden !== undefined, bridged }, onWarning);
  const options = { ...detectOptions(flags), conf: sequence.networkConf ?? flags.confThres };
  const warned = { ...options, onWarning };
  // Checked before the first picture is read.
  resolveOptions(warned, model.info);
  const { theme, lineThickness, hideLabels, hideConf, imageFormat, maxPixels, speed } = flags;
  const finishing: FinishOptions = {
    pictures: !flags.nosave && (flags.live === undefined || flags.record !== undefined),
    imageFormat,
    labels: flags.saveTxt ?? false,
    confidences: flags.saveConf ?? false,
    crops: flags.saveCrop ?? false,
    json: jsonOf(flags, output),
    formats: labelFormats(flags),
    hidden,
    bare: flags.redact ?? false,
    ...{ theme, lineThickness, hideLabels, hideConf, speed },
  };
  tellIgnored(flags, model.task, output);
  // A tracker needs the pictures in order, and only this thread knows the order.
  const finish = sequence.ordered ? undefined : finishing;
  const workers =
    count === 0 ? undefined : new DetectWorkers(count, { model: seed(), options, maxPixels, finish, font: flags.font });
  return { options: warned, finishing, sequence, font, workers, expect };
}

/** If only redacted pictures are requested, a shard's own JSON lists them without the hidden objects. */
function jsonOf({ redact, json, ndjson }: DetectFlags, output: Output): FinishOptions["json"] {
  const wanted = output.wantsJson || output.wantsNdjson;
  return wanted && redact && json === undefined && ndjson === undefined ? "sources" : wanted;
}

function detectOptions(flags: DetectFlags): Omit<DetectOptions, "onWarning" | "onSlice" | "signal"> {
  return {
    imgsz: heightWidth(flags.imgsz),
    conf: flags.confThres,
    iou: flags.iouThres,
    maxDet: flags.maxDet,
    classes: flags.classes,
    agnostic: flags.agnosticNms,
    multiLabel: flags.multiLabel,
    augment: flags.augment,
    retinaMasks: flags.retinaMasks,
    square: flags.square,
    slice: sliceOptions(flags),
    batchSize: flags.batchSize,
  };
}
