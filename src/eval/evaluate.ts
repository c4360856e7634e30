/**
 * `val.py` of YOLOv5 v7.0 over a data set: rectangular batches sorted by aspect ratio, INTER_AREA, NMS with every
 * class above 0.001, matching, metrics. The protocol's batch only determines the input's shape; the number of
 * pictures per forward pass is independent of it and does not change the results.
 */

import { OptionError } from "../errors.js";
import type { RgbImage } from "../image/types.js";
import { batchItem, type HostTensor } from "../tensor/index.js";
import { toTensor } from "../yolov5/input/letterbox.js";
import { rectBatches, type ValidationImage, validationLetterbox } from "../yolov5/input/letterboxVariants.js";
import { checkImageSize } from "../yolov5/options.js";
import type { Size } from "../yolov5/output/boxes.js";
import { prototypesOf } from "../yolov5/output/masks.js";
import { type Candidate, suppressRows } from "../yolov5/output/nms.js";
import { type ResolvedNmsOptions, resolveNmsOptions } from "../yolov5/output/nmsOptions.js";
import { rowFormat } from "../yolov5/output/rowFormat.js";
import { assertClasses } from "./assertClasses.js";
import { assertPictures } from "./assertPictures.js";
import { ConfusionMatrix } from "./confusionMatrix.js";
import type { DetectionDataset, GroundTruth, Sample } from "./dataset/types.js";
import type { EvaluateOptions, Evaluation } from "./evaluation.js";
import { keypointSimilarity } from "./keypoints.js";
import { labelMasks, maskIou, predictedMasks } from "./masks.js";
import { boxIou, matchDetections } from "./matching.js";
import { MetricsAccumulator } from "./metrics.js";
import type { EvaluationModel } from "./model.js";
import { detectionsInPixels, labelBoxesInPixels, type Placement } from "./targets.js";

export type { EvaluateOptions, Evaluation, PictureOutcome } from "./evaluation.js";

interface Planned {
  readonly sample: Sample;
  readonly size: Size;
}

interface Loaded extends Planned {
  readonly image: RgbImage;
  readonly fitted: ValidationImage;
  readonly ms: number;
}

/**
 * Measures a detection or segmentation model. Unreadable pictures are left out and listed in `failed`.
 * @throws DatasetError for labels of classes that the model lacks, and if no picture is left; OptionError for invalid
 * options; what the backend throws.
 */
export async function evaluate(
  model: EvaluationModel,
  dataset: DetectionDataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  if (model.info.task === "classify") {
    throw new OptionError("evaluate: a classification model has no boxes; use evaluateClassification", {});
  }
  if (model.info.task === "pose" && !dataset.samples.some(({ truth }) => truth.keypoints?.some((p) => p))) {
    throw new OptionError(
      `evaluate: no label of ${dataset.name} has keypoints; a pose model needs label files with points after the box, read with the option keypoints`,
      {},
    );
  }
  assertClasses(model, dataset, options.singleClass ?? false);
  const excluded = dataset.excluded.map(({ reason }) => reason);
  assertPictures(dataset.samples.length, excluded, dataset.name);
  const { stride, defaultImgsz = [640] } = model.info;
  const { imgsz = Math.max(...defaultImgsz), onWarning = () => undefined } = options;
  const [side] = checkImageSize([imgsz, imgsz], stride, onWarning);
  const run = new EvaluationRun(model, side, options);
  const evaluation = await run.over(plan(dataset.samples, side, stride, options));
  const { failed } = evaluation;
  const unread = failed.map(({ error }) => error.message);
  assertPictures(dataset.samples.length - failed.length, [...excluded, ...unread], dataset.name);
  return evaluation;
}

/** The pictures in the protocol's order, each with its input size. */
function plan(samples: readonly Sample[], side: number, stride: number, options: EvaluateOptions): Planned[] {
  const { batchSize = 32, rect = true } = options;
  if (!rect) return samples.map((sample) => ({ sample, size: [side, side] }));
  return rectBatches(samples, batchSize, side, stride).flatMap(({ indices, size }) =>
    indices.map((index) => ({ sample: samples[index], size })),
  );
}

class EvaluationRun {
  private readonly model: EvaluationModel;
  private readonly side: number;
  private readonly options: EvaluateOptions;
  private readonly nms: ResolvedNmsOptions;
  private readonly boxes = new MetricsAccumulator();
  private readonly masks: MetricsAccumulator | undefined;
  private readonly poses: MetricsAccumulator | undefined;
  private readonly confusion: ConfusionMatrix;
  private readonly failed: { sample: Sample; error: Error }[] = [];
  private readonly ms = { preprocess: 0, inference: 0, postprocess: 0 };
  private done = 0;
  private total = 0;

  /** @param side the longer side of the input, a multiple of the stride. */
  constructor(model: EvaluationModel, side: number, options: EvaluateOptions) {
    this.model = model;
    this.side = side;
    this.options = options;
    const {
      conf = 0.001,
      iou = model.info.family === "ultralytics" ? 0.7 : 0.6,
      maxDet = 300,
      singleClass = false,
    } = options;
    this.nms = resolveNmsOptions({ conf, iou, maxDet, multiLabel: true, agnostic: singleClass });
    this.masks = model.info.task === "segment" ? new MetricsAccumulator() : undefined;
    this.poses = model.info.keypoints ? new MetricsAccumulator() : undefined;
    this.confusion = new ConfusionMatrix(options.singleClass ? 1 : model.info.classes);
  }

  async over(planned: readonly Planned[]): Promise<Evaluation> {
    this.total = planned.length;
    const { forwardBatch = 1, signal } = this.options;
    let batch: Loaded[] = [];
    for (const [i, item] of planned.entries()) {
      if (signal?.aborted) break;
      const loaded = await this.load(item);
      if (loaded) batch.push(loaded);
      const following = planned[i + 1];
      const open = following && sameSize(following.size, item.size) && batch.length < forwardBatch;
      if (open || batch.length === 0) continue;
      try {
        await this.runBatch(batch);
      } catch (error) {
        // A failure caused by the abort is not reported; the figures cover the pictures before it.
        if (signal?.aborted) break;
        throw error;
      }
      batch = [];
      // Ctrl-C and progress need the event loop, which a backend that never yields would block.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const pictures = Math.max(this.done, 1);
    return {
      metrics: this.boxes.compute(),
      maskMetrics: this.masks?.compute(),
      keypointMetrics: this.poses?.compute(),
      confusion: this.confusion,
      speed: {
        preprocess: this.ms.preprocess / pictures,
        inference: this.ms.inference / pictures,
        postprocess: this.ms.postprocess / pictures,
      },
      failed: this.failed,
      complete: this.done + this.failed.length === planned.length,
    };
  }

  /** Undefined for a picture that cannot be read. */
  private async load({ sample, size }: Planned): Promise<Loaded | undefined> {
    let image: RgbImage;
    try {
      image = await sample.load();
    } catch (error) {
      if (!this.options.signal?.aborted) this.failed.push({ sample, error: error as Error });
      return undefined;
    }
    const started = performance.now();
    const fitted = validationLetterbox(image, this.side, size);
    return { sample, size, image, fitted, ms: performance.now() - started };
  }

  private async runBatch(batch: readonly Loaded[]): Promise<void> {
    const started = performance.now();
    const input = toTensor(batch.map(({ fitted }) => fitted.image));
    const ready = performance.now();
    const { augment = false } = this.options;
    const { conf } = this.nms;
    const outputs = await this.model.inferRows({ shape: input.shape, inputs: [input] }, { conf, augment });
    const ran = performance.now();
    const kept = suppressRows(outputs.candidates, this.nms, rowFormat(this.model.info));
    this.ms.preprocess += ready - started + batch.reduce((sum, { ms }) => sum + ms, 0);
    this.ms.inference += ran - ready;
    this.ms.postprocess += performance.now() - ran;
    const [prototypes] = outputs.others;
    for (const [n, loaded] of batch.entries()) {
      await this.measure(loaded, kept[n], prototypes && batchItem(prototypes, n));
    }
  }

  private async measure(
    loaded: Loaded,
    candidates: readonly Candidate[],
    prototypes: HostTensor | undefined,
  ): Promise<void> {
    const { sample, image, size, fitted } = loaded;
    const { singleClass = false, onPicture } = this.options;
    const placement: Placement = {
      scaleBack: fitted.scaleBack,
      loaded: fitted.loaded,
      input: size,
      original: [image.height, image.width],
    };
    const found = detectionsInPixels(candidates, placement);
    const detections = singleClass ? { ...found, classes: new Int32Array(found.classes.length) } : found;
    const labelClasses = singleClass ? new Int32Array(sample.truth.classes.length) : sample.truth.classes;
    const labelBoxes = labelBoxesInPixels(sample.truth.boxes, placement);
    const { confidences, classes } = detections;
    const match = (iou: Float32Array) => ({
      correct: matchDetections({ iou, labelClasses, detectionClasses: classes }),
      confidences,
      classes,
      labelClasses,
    });
    this.boxes.add(match(boxIou(labelBoxes, detections.boxes)));
    this.confusion.add({ labelBoxes, labelClasses, boxes: detections.boxes, confidences, classes });
    if (this.masks && prototypes) {
      this.masks.add(match(this.maskIou(sample.truth, labelClasses, candidates, classes, prototypes, placement)));
    }
    if (this.poses) {
      const { size: numbers = 3 } = this.model.info.keypoints ?? {};
      this.poses.add(match(keypointSimilarity(sample.truth, labelBoxes, candidates, numbers, placement)));
    }
    this.done++;
    const { done, total } = this;
    await onPicture?.({
      done,
      total,
      sample,
      image,
      labelBoxes,
      labelClasses,
      detections,
      candidates,
      placement,
      prototypes,
    });
  }

  private maskIou(
    truth: GroundTruth,
    labelClasses: Int32Array,
    candidates: readonly Candidate[],
    classes: Int32Array,
    prototypes: HostTensor,
    placement: Placement,
  ): Float32Array {
    const plane = prototypesOf(prototypes);
    return maskIou(
      { masks: labelMasks(truth, placement, [plane.height, plane.width]), classes: labelClasses },
      { masks: predictedMasks(plane, candidates, placement.input), classes },
    );
  }
}

function sameSize(a: Size, b: Size): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
