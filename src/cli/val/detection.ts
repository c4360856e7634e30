/** `yolov5 val` for detection and segmentation models. */

import type { DetectionDataset } from "../../eval/dataset/types.js";
import { type BatchMeasurer, evaluateIn } from "../../eval/evaluate.js";
import type { EvaluateOptions, Evaluation } from "../../eval/evaluation.js";
import { openDataset } from "../../node/datasets/open.js";
import { checkImageSize } from "../../yolov5/options.js";
import { EXIT, InterruptedError } from "../errors.js";
import { runFolder } from "../files/runFolder.js";
import { type CliModel, modelJson } from "../loadModel.js";
import { noteSize } from "../options/sizeNote.js";
import { sliceOptions } from "../options/slices.js";
import type { Output } from "../output.js";
import { statisticsToJson } from "../shards/statisticsJson.js";
import { counted } from "../table.js";
import { checkValFolder, RunFiles } from "./files.js";
import type { ValFlags } from "./flags.js";
import { evaluationJson } from "./json.js";
import { interruptible, steps } from "./progress.js";
import { identityOf, ValShard, type ValTask } from "./shard.js";
import { tableHeader, tableRows } from "./table.js";

/** Below this number of classes, val.py prints a row per class without --verbose. */
const MANY_CLASSES = 50;
/** Settings of val.py's task `speed`. */
const SPEED_SETTINGS = { conf: 0.25, iou: 0.45 };
const PROJECTS = { detect: "runs/val", segment: "runs/val-seg" } as const;

/** @param elsewhere workers that measure in place of the model. */
export async function valDetection(
  task: ValTask,
  model: CliModel,
  elsewhere: BatchMeasurer | undefined,
): Promise<number> {
  const { flags, output, shard } = task;
  const speed = flags.task === "speed";
  const { asDetect } = flags;
  const conf = flags.confThres ?? (asDetect ? undefined : speed ? SPEED_SETTINGS.conf : 0.001);
  const iou = flags.iouThres ?? (speed && !asDetect ? SPEED_SETTINGS.iou : undefined);
  if (conf !== undefined && conf > 0.001 && !speed && !asDetect)
    output.warn(`--conf-thres ${conf} is above val.py's 0.001: mAP will come out too low`);
  if (flags.augment && model.task !== "detect") output.warn("--augment applies to detection models only; ignored");

  const side = inputSide(flags, model);
  noteSize(
    model.members.map(({ info }) => info),
    [side, side],
    output,
  );
  const project = flags.project ?? PROJECTS[model.task === "segment" ? "segment" : "detect"];
  await checkValFolder(flags, project);
  const dataset = await readDataset(flags, model, output);
  const names = namesOf(model, dataset, flags, output);
  const keypointSize = model.info.keypoints?.size;
  const own = shard && new ValShard(task, project, shard, dataset.samples.map(identityOf));
  const skipped = await own?.skipped();
  if (skipped !== undefined) return skipped;
  const { name, existOk = false } = flags;
  const folder = own?.run.saveFolder ?? runFolder({ project, name, existOk });
  const plots = !flags.noplots && own === undefined;
  const { categoryIds } = dataset;
  const files = new RunFiles(flags, { folder, plots, names, categoryIds, keypointSize }, output);
  const options = { conf, iou, rect: !speed };
  try {
    return await measure(task, { model, dataset, names, files, options, own, elsewhere });
  } finally {
    await own?.run.discard();
  }
}

interface Measuring {
  readonly model: CliModel;
  readonly dataset: DetectionDataset;
  readonly names: readonly string[];
  readonly files: RunFiles;
  readonly options: Pick<EvaluateOptions, "conf" | "iou" | "rect">;
  readonly own: ValShard | undefined;
  readonly elsewhere: BatchMeasurer | undefined;
}

async function measure(
  { flags, output, shard }: ValTask,
  { model, dataset, names, files, options, own, elsewhere }: Measuring,
): Promise<number> {
  const { signal } = output.io;
  const bar = steps(output, "measuring");
  let evaluation: Evaluation;
  try {
    evaluation = await evaluateIn(elsewhere, model, dataset, {
      imgsz: flags.imgsz,
      ...options,
      maxDet: flags.maxDet,
      batchSize: flags.batchSize,
      forwardBatch: flags.forwardBatch,
      singleClass: flags.singleCls,
      asDetect: flags.asDetect,
      averagePrecision: flags.ap,
      augment: flags.augment,
      shard,
      slice: sliceOptions(flags),
      signal,
      onWarning: (text) => output.warn(text),
      onPicture: async (outcome) => {
        bar.update(outcome.done, outcome.total);
        await files.add(outcome);
      },
    });
  } finally {
    bar.stop();
  }
  for (const { error } of evaluation.failed) output.warn(`${error.message}; the picture is left out`);
  printTable(flags, evaluation, names, output);
  printSpeed(flags, evaluation, model, output);
  await files.finish(evaluation, output);
  const failed = evaluation.failed.map(({ sample, error }) => ({ name: sample.name, reason: error.message }));
  const results = {
    ...evaluationJson(evaluation, names),
    excluded: [...dataset.excluded, ...failed],
    model: modelJson(model),
    backend: model.device,
    ...(files.savedTo === undefined ? {} : { savedTo: files.savedTo }),
    ...(files.errors.length === 0 ? {} : { errors: files.errors }),
  };
  if (own) {
    const statistics = { ...statisticsToJson(evaluation.statistics()), names, failed: failed.length };
    const whole = { ...results, statistics, files: files.sourceFiles };
    await own.finish(whole, files.errors.length);
  } else await output.writeJson(results);
  if (evaluation.complete && signal.aborted) {
    return output.error(new InterruptedError("interrupted while drawing plots; the figures cover all pictures"));
  }
  if (evaluation.complete) return files.errors.length === 0 ? EXIT.done : EXIT.failed;
  const { images } = evaluation.metrics;
  return output.error(
    new InterruptedError(
      `interrupted after ${images} of ${counted(dataset.samples.length, "picture")}; the figures cover those`,
    ),
  );
}

async function readDataset(flags: ValFlags, model: CliModel, output: Output): Promise<DetectionDataset> {
  const { signal } = output.io;
  const bar = steps(output, "reading labels");
  try {
    const dataset = await interruptible(
      signal,
      openDataset(flags.data, {
        split: flags.task === "speed" ? "val" : flags.task,
        names: model.names,
        keypoints: model.info.keypoints,
        images: flags.images,
        maxPixels: flags.maxPixels,
        signal,
        onWarning: (text) => output.warn(text),
        onProgress: bar.update,
      }),
    );
    const background = dataset.samples.filter(({ truth }) => truth.classes.length === 0).length;
    const { length } = dataset.samples;
    const excluded = dataset.excluded.length === 0 ? "" : `, ${dataset.excluded.length} left out`;
    output.line(
      `Data:    ${dataset.name}, ${length} picture${length === 1 ? "" : "s"}, ${background} of them background${excluded}`,
    );
    return dataset;
  } finally {
    bar.stop();
  }
}

/** The model's own names, or the data set's for a checkpoint without names. */
function namesOf(model: CliModel, dataset: DetectionDataset, flags: ValFlags, output: Output): readonly string[] {
  const { names } = dataset;
  if (flags.singleCls) return ["item"];
  if (!names || names.length !== model.names.length) return model.names;
  if (model.names.every((name, i) => name === `class${i}`)) return names;
  const other = names.findIndex((name, i) => name !== model.names[i]);
  if (other >= 0) {
    output.warn(
      `${dataset.name}: class ${other} is "${names[other]}" there but "${model.names[other]}" in the checkpoint, whose names are used; classes are matched by number`,
    );
  }
  return model.names;
}

function printTable(flags: ValFlags, evaluation: Evaluation, names: readonly string[], output: Output): void {
  const { metrics, maskMetrics, keypointMetrics } = evaluation;
  const perClass = names.length > 1 && (flags.verbose === true || names.length < MANY_CLASSES);
  output.line();
  output.line(tableHeader(maskMetrics ? "Mask" : keypointMetrics && "Pose"));
  output.lines(() => tableRows(names, metrics, maskMetrics ?? keypointMetrics, perClass));
}

/** Longer side of the input, in pixels. */
function inputSide({ imgsz }: ValFlags, { info }: CliModel): number {
  const wanted = imgsz ?? Math.max(...info.defaultImgsz);
  return checkImageSize([wanted, wanted], info.stride, () => undefined)[0];
}

function printSpeed(flags: ValFlags, { speed }: Evaluation, model: CliModel, output: Output): void {
  const side = inputSide(flags, model);
  const ms = (value: number): string => `${value.toFixed(1)}ms`;
  output.line(
    `Speed: ${ms(speed.preprocess)} pre-process, ${ms(speed.inference)} inference, ${ms(speed.postprocess)} NMS per image at shape (${flags.forwardBatch}, 3, ${side}, ${side})`,
  );
}
