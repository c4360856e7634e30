/** Top-1 and top-5 accuracy, as classify/val.py of YOLOv5 v7.0 measures them. */

import { OptionError } from "../errors.js";
import type { RgbImage } from "../image/types.js";
import { CLASSIFY_TRANSFORMS } from "../yolov5/input/classifyTransform.js";
import { softmax } from "../yolov5/output/classify.js";
import type { Speed } from "../yolov5/output/results.js";
import { assertPictures } from "./assertPictures.js";
import type { ClassifiedSample } from "./dataset/types.js";
import type { EvaluationModel } from "./model.js";

/** Options of `evaluateClassification`. */
export interface ClassifyOptions {
  /** Side of the input. Default 224. */
  readonly imgsz?: number | undefined;
  /** Pictures per forward pass. Default 1. */
  readonly forwardBatch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Receives the number of pictures done, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Top-1 and top-5 accuracy. */
export interface Accuracy {
  readonly images: number;
  /** Fraction of pictures whose most probable class is correct, 0 to 1. */
  readonly top1: number;
  /** Fraction of pictures whose class is among the five most probable. */
  readonly top5: number;
}

/** The accuracy of one class. */
export interface ClassAccuracy extends Accuracy {
  readonly class: number;
}

/** The result of `evaluateClassification`. */
export interface ClassificationEvaluation extends Accuracy {
  /** Classes that have pictures, ascending. */
  readonly perClass: readonly ClassAccuracy[];
  /** Milliseconds per picture, without reading and decoding. */
  readonly speed: Speed;
  readonly failed: readonly { readonly sample: ClassifiedSample; readonly error: Error }[];
  readonly complete: boolean;
}

interface Tally {
  images: number;
  top1: number;
  top5: number;
}

/**
 * Measures top-1 and top-5 accuracy. Unreadable pictures are listed in `failed`.
 * @throws OptionError for a model of another task; DatasetError if no picture can be read; what the backend throws.
 */
export async function evaluateClassification(
  model: EvaluationModel,
  samples: readonly ClassifiedSample[],
  options: ClassifyOptions = {},
): Promise<ClassificationEvaluation> {
  const { imgsz = model.info.defaultImgsz?.[0] ?? 224, forwardBatch = 1, signal, onProgress } = options;
  if (model.info.task !== "classify") {
    throw new OptionError(`evaluateClassification: a ${model.info.task} model has no class scores; use evaluate`);
  }
  const transform = CLASSIFY_TRANSFORMS[model.info.family ?? "yolov5"];
  const tallies = new Map<number, Tally>();
  const failed: { sample: ClassifiedSample; error: Error }[] = [];
  const ms = { preprocess: 0, inference: 0, postprocess: 0 };
  let seen = 0;
  let started = 0;
  for (; started < samples.length && !signal?.aborted; started += forwardBatch) {
    const batch: { sample: ClassifiedSample; fitted: RgbImage }[] = [];
    for (const sample of samples.slice(started, started + forwardBatch)) {
      try {
        const image = await sample.load();
        const begun = performance.now();
        batch.push({ sample, fitted: transform.crop(image, imgsz) });
        ms.preprocess += performance.now() - begun;
      } catch (error) {
        if (!signal?.aborted) failed.push({ sample, error: error as Error });
      }
    }
    if (batch.length === 0) continue;
    const begun = performance.now();
    const input = transform.toTensor(batch.map(({ fitted }) => fitted));
    const ready = performance.now();
    // A failure caused by the abort is not reported; the figures cover the pictures before it.
    const outputs = await model.forward(input).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
    if (!outputs) break;
    const [logits] = outputs;
    const ran = performance.now();
    const classes = logits.shape[1];
    for (const [n, { sample }] of batch.entries()) {
      const scores = softmax((logits.data as Float32Array).subarray(n * classes, (n + 1) * classes));
      count(tallies, sample.class, rankOf(scores, sample.class));
    }
    ms.preprocess += ready - begun;
    ms.inference += ran - ready;
    ms.postprocess += performance.now() - ran;
    seen += batch.length;
    onProgress?.(seen + failed.length, samples.length);
    // Ctrl-C and progress need the event loop, which a backend that never yields would block.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertPictures(
    samples.length - failed.length,
    failed.map(({ error }) => error.message),
  );
  const each = Math.max(seen, 1);
  return {
    ...accuracyOf([...tallies.values()]),
    perClass: [...tallies].sort(([a], [b]) => a - b).map(([c, tally]) => ({ class: c, ...accuracyOf([tally]) })),
    speed: {
      preprocess: ms.preprocess / each,
      inference: ms.inference / each,
      postprocess: ms.postprocess / each,
    },
    failed,
    complete: seen + failed.length === samples.length,
  };
}

/** The number of more probable classes; among equals the lower index counts as more probable. */
function rankOf(scores: Float32Array, wanted: number): number {
  let rank = 0;
  for (let c = 0; c < scores.length; c++) {
    if (scores[c] > scores[wanted] || (scores[c] === scores[wanted] && c < wanted)) rank++;
  }
  return rank;
}

function count(tallies: Map<number, Tally>, classIndex: number, rank: number): void {
  const tally = tallies.get(classIndex) ?? { images: 0, top1: 0, top5: 0 };
  tally.images++;
  if (rank < 1) tally.top1++;
  if (rank < 5) tally.top5++;
  tallies.set(classIndex, tally);
}

function accuracyOf(tallies: readonly Tally[]): Accuracy {
  const sum = (key: keyof Tally): number => tallies.reduce((total, tally) => total + tally[key], 0);
  const images = sum("images");
  const share = (hits: number): number => (images === 0 ? 0 : hits / images);
  return { images, top1: share(sum("top1")), top5: share(sum("top5")) };
}
