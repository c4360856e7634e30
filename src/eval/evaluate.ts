/**
 * `val.py` of YOLOv5 v7.0 over a data set: rectangular batches sorted by aspect ratio, INTER_AREA, NMS with every
 * class above 0.001, matching, metrics. The protocol's batch only determines the input's shape; the number of
 * pictures per forward pass is independent of it and does not change the results.
 */

import { OptionError } from "../errors.js";
import { resolveSlices } from "../solutions/slices/options.js";
import { inOrder } from "../yolov5/calls/inOrder.js";
import { type DetectionFit, detectionSize, type RectBatch, rectBatches } from "../yolov5/input/letterboxVariants.js";
import { checkImageSize, checkOnlySize } from "../yolov5/options.js";
import type { Size } from "../yolov5/output/boxes.js";
import { type ResolvedNmsOptions, resolveNmsOptions } from "../yolov5/output/nms/nmsOptions.js";
import { assertLabels } from "./assertLabels.js";
import { assertPictures } from "./assertPictures.js";
import type { DetectionDataset, Sample } from "./dataset/types.js";
import type { EvaluateOptions, Evaluation } from "./evaluation.js";
import { type MeasuredBatch, type MeasureOptions, PictureMeasurer, type PlannedSample } from "./measurePictures.js";
import type { EvaluationModel } from "./model.js";
import { partOf } from "./statistics/shard.js";
import { EvaluationTallies } from "./statistics/tallies.js";

export type { EvaluateOptions, Evaluation, PictureOutcome } from "./evaluation.js";

/** Where batches are measured, if not by the model on this thread. */
export interface BatchMeasurer {
  readonly measure: (batch: readonly PlannedSample[], options: MeasureOptions) => Promise<MeasuredBatch>;
  /** Batches to have under way. */
  readonly ahead: number;
}

/** `evaluate` (`onDemand.ts`), perhaps with batches measured elsewhere: the figures are the same. */
export async function evaluateIn(
  elsewhere: BatchMeasurer | undefined,
  model: EvaluationModel,
  dataset: DetectionDataset,
  options: EvaluateOptions,
): Promise<Evaluation> {
  if (model.info.task === "classify") {
    throw new OptionError("evaluate: a classification model has no boxes; use evaluateClassification", {});
  }
  if (options.asDetect && options.slice) {
    throw new OptionError(
      "evaluate: asDetect measures whole pictures and slice measures windows; leave out one of them",
    );
  }
  assertLabels(model, dataset, options.singleClass ?? false);
  const excluded = dataset.excluded.map(({ reason }) => reason);
  assertPictures(dataset.samples.length, excluded, dataset.name);
  const { stride, defaultImgsz = [640] } = model.info;
  const { imgsz = Math.max(...defaultImgsz), onWarning = () => undefined } = options;
  checkOnlySize(model.info, imgsz);
  const [side] = checkImageSize([imgsz, imgsz], stride, onWarning);
  // Of a network with one input size, every picture gets that.
  const rect = options.rect !== false && !model.info.onlyImgsz;
  const fit = options.asDetect ? fitOf(model, rect) : undefined;
  const run = new EvaluationRun(model, { side, fit }, options, elsewhere);
  const evaluation = await run.over(plan(dataset.samples, { side, stride, fit }, { ...options, rect }).flat());
  const { failed } = evaluation;
  const unread = failed.map(({ error }) => error.message);
  // The other shards may have pictures.
  if (!options.shard) {
    assertPictures(dataset.samples.length - failed.length, [...excluded, ...unread], dataset.name);
  }
  return evaluation;
}

/** The protocol's batches in their order, each picture with its input size: all of them, or the shard's. */
function plan(
  samples: readonly Sample[],
  { side, stride, fit }: Input & { readonly stride: number },
  options: EvaluateOptions & { readonly rect: boolean },
): PlannedSample[][] {
  const { batchSize = 32, rect, shard } = options;
  const batches =
    rect && !fit ? rectBatches(samples, batchSize, side, stride) : squareBatches(samples.length, batchSize, side);
  const own = shard === undefined ? batches : batches.slice(...partOf(batches.length, shard));
  return own.map(({ indices, size }) =>
    indices.map((index) => {
      const sample = samples[index];
      return { sample, size: fit ? detectionSize(sample, side, fit) : size };
    }),
  );
}

/** How pictures are fitted into the network: to which side, and whether as `detect` does. */
type Input = Pick<MeasureOptions, "side" | "fit">;

function fitOf({ info }: EvaluationModel, rect: boolean): DetectionFit {
  return { stride: info.stride, family: info.family, rect };
}

function squareBatches(count: number, batchSize: number, side: number): RectBatch[] {
  return Array.from({ length: Math.ceil(count / batchSize) }, (_, batch) => {
    const start = batch * batchSize;
    const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
    return { indices, size: [side, side] };
  });
}

/** Consecutive pictures of one input size, which share a forward pass. */
function* batchesOf(planned: readonly PlannedSample[], most: number): Generator<readonly PlannedSample[]> {
  for (let start = 0, end = 0; start < planned.length; start = end) {
    const { size } = planned[start];
    for (end = start + 1; end < planned.length && end - start < most && sameSize(planned[end].size, size); ) end++;
    yield planned.slice(start, end);
  }
}

class EvaluationRun {
  private readonly model: EvaluationModel;
  private readonly options: EvaluateOptions;
  private readonly measuring: MeasureOptions;
  private readonly elsewhere: BatchMeasurer | undefined;
  private readonly tallies: EvaluationTallies;
  private readonly failed: { sample: Sample; error: Error }[] = [];
  private total = 0;

  constructor(model: EvaluationModel, input: Input, options: EvaluateOptions, elsewhere: BatchMeasurer | undefined) {
    this.model = model;
    this.options = options;
    this.elsewhere = elsewhere;
    const { singleClass = false, augment = false } = options;
    const nms = nmsOf(model, options);
    this.measuring = { ...input, nms, augment, singleClass, slices: resolveSlices(options.slice) };
    this.tallies = new EvaluationTallies({
      classes: options.singleClass ? 1 : model.info.classes,
      masks: model.info.task === "segment",
      poses: model.info.keypoints !== undefined,
      averagePrecision: options.averagePrecision,
    });
  }

  async over(planned: readonly PlannedSample[]): Promise<Evaluation> {
    this.total = planned.length;
    const { forwardBatch = 1, signal } = this.options;
    const batches = batchesOf(planned, forwardBatch);
    try {
      for await (const { batch, measured } of this.measured(batches)) {
        if (signal?.aborted) break;
        await this.count(batch, measured);
      }
    } catch (error) {
      // A failure caused by the abort is not reported; the figures cover the pictures before it.
      if (!signal?.aborted) throw error;
    }
    return {
      ...this.tallies.figures(),
      failed: this.failed,
      complete: this.tallies.pictures + this.failed.length === planned.length,
    };
  }

  /** Batches in their order, measured here one by one or elsewhere several at once. */
  private async *measured(batches: Iterable<readonly PlannedSample[]>): AsyncGenerator<Counted> {
    const { elsewhere, measuring, options } = this;
    if (elsewhere) {
      const begin = async (batch: readonly PlannedSample[]) => ({
        result: elsewhere.measure(batch, measuring).then((measured) => ({ batch, measured })),
      });
      yield* inOrder(batches, begin, { most: elsewhere.ahead, signal: options.signal });
      return;
    }
    const measurer = new PictureMeasurer(this.model, measuring);
    for (const batch of batches) {
      if (options.signal?.aborted) return;
      yield { batch, measured: await measurer.measure(batch) };
      // Ctrl-C and progress need the event loop, which a backend that never yields would block.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  private async count(batch: readonly PlannedSample[], { pictures, ms }: MeasuredBatch): Promise<void> {
    const { tallies } = this;
    tallies.addTime(ms);
    for (const [i, measured] of pictures.entries()) {
      const { sample } = batch[i];
      if (measured instanceof Error) {
        if (!this.options.signal?.aborted) this.failed.push({ sample, error: measured });
        continue;
      }
      tallies.add(measured);
      await this.options.onPicture?.({ done: tallies.pictures, total: this.total, sample, ...measured });
    }
  }
}

/** Of val.py, or of `detect`. */
function nmsOf({ info }: EvaluationModel, options: EvaluateOptions): ResolvedNmsOptions {
  const { conf, iou, maxDet, singleClass: agnostic = false, asDetect } = options;
  if (asDetect) return resolveNmsOptions({ conf, iou, maxDet, agnostic }, info);
  const usual = { conf: 0.001, iou: info.family === "ultralytics" ? 0.7 : 0.6, maxDet: 300 };
  return resolveNmsOptions({
    conf: conf ?? usual.conf,
    iou: iou ?? usual.iou,
    maxDet: maxDet ?? usual.maxDet,
    multiLabel: true,
    agnostic,
  });
}

interface Counted {
  readonly batch: readonly PlannedSample[];
  readonly measured: MeasuredBatch;
}

function sameSize(a: Size, b: Size): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
