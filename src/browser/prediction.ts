/**
 * A picture's run through the network, apart from the thresholds: sliders re-run only the suppression. The pieces are
 * those of `Model.detect`, and so are the numbers.
 */

import type { PictureSource } from "../api/sources.js";
import type { HostTensor } from "../tensor/index.js";
import { throwIfAborted, untilAborted } from "../yolov5/calls/abort.js";
import type { ModelInfo } from "../yolov5/checkpoint/modelInfo.js";
import type { ResultSaver } from "../yolov5/draw/saver.js";
import type { Picture } from "../yolov5/input/pictures.js";
import type { Model, Result } from "../yolov5/model.js";
import { type DetectOptions, resolveOptions } from "../yolov5/options.js";
import { softmax } from "../yolov5/output/classify.js";
import { prototypesOf } from "../yolov5/output/masks.js";
import { type Candidate, nonMaxSuppression } from "../yolov5/output/nms.js";
import {
  ClassificationResult,
  DetectionResult,
  detectionsFrom,
  type ResultFacts,
  segmentedDetectionsFrom,
} from "../yolov5/output/results.js";

/** The options of `detect` that come after the network. */
export type Thresholds = Pick<
  DetectOptions,
  | "conf"
  | "confThres"
  | "iou"
  | "iouThres"
  | "maxDet"
  | "classes"
  | "agnostic"
  | "agnosticNms"
  | "multiLabel"
  | "retinaMasks"
>;

/** Everything that a result is made of, as plain data that can be sent between threads. */
export interface Outcome {
  readonly task: ModelInfo["task"];
  readonly facts: Omit<ResultFacts, "names" | "saver">;
  /** Boxes that survived; absent for classification. */
  readonly candidates?: readonly Candidate[];
  /** Segmentation: [1, 32, h, w]. */
  readonly prototypes?: HostTensor;
  readonly retinaMasks?: boolean;
  /** Classification. */
  readonly logits?: Float32Array;
}

/** The result that an outcome stands for. */
export function resultOf(outcome: Outcome, names: readonly string[], saver?: ResultSaver): Result {
  const facts: ResultFacts = { ...outcome.facts, names, saver };
  const { candidates, prototypes } = outcome;
  if (!candidates) return new ClassificationResult(facts, softmax(outcome.logits ?? []));
  const input = [facts.input[2], facts.input[3]] as const;
  const original = [facts.height, facts.width] as const;
  if (!prototypes) return new DetectionResult(facts, detectionsFrom(candidates, input, original, names), "detect");
  const found = segmentedDetectionsFrom(
    candidates,
    prototypesOf(prototypes),
    input,
    original,
    names,
    outcome.retinaMasks,
  );
  return new DetectionResult(facts, found, "segment");
}

/** The network's outputs for one picture. `result` may be called as often as wanted. */
export class Prediction {
  /** Milliseconds. */
  readonly speed: { readonly preprocess: number; readonly inference: number };
  /** Raw outputs, as `model.forward` gives them. */
  readonly outputs: readonly HostTensor[];
  private readonly info: ModelInfo;
  private readonly picture: Pick<ResultFacts, "width" | "height" | "source" | "warnings">;
  private readonly saver: ResultSaver | undefined;
  private readonly input: readonly number[];

  constructor(
    info: ModelInfo,
    picture: Picture,
    input: readonly number[],
    outputs: readonly HostTensor[],
    speed: { preprocess: number; inference: number },
  ) {
    this.info = info;
    const { image, source, warnings, saver } = picture;
    this.picture = { width: image.width, height: image.height, source, warnings };
    this.saver = saver;
    this.input = input;
    this.outputs = outputs;
    this.speed = speed;
  }

  /**
   * Suppression with other thresholds, without running the network.
   * @throws OptionError.
   */
  result(options: Thresholds = {}): Result {
    return resultOf(this.outcome(options), this.info.names, this.saver);
  }

  /** `result` as plain data. */
  outcome(options: Thresholds = {}): Outcome {
    const { task, classes, maskCoefficients } = this.info;
    const resolved = resolveOptions(options, classes);
    const started = performance.now();
    const [first, prototypes] = this.outputs;
    const candidates = task === "classify" ? undefined : nonMaxSuppression(first, { ...resolved, maskCoefficients })[0];
    const postprocess = performance.now() - started;
    const facts = { ...this.picture, input: this.input, speed: { ...this.speed, postprocess } };
    if (!candidates) return { task, facts, logits: Float32Array.from(first.data as Float32Array) };
    if (task === "detect") return { task, facts, candidates };
    return { task, facts, candidates, prototypes, retinaMasks: resolved.retinaMasks };
  }
}

/**
 * Runs the network on one picture and keeps its raw outputs, so that thresholds can be changed afterwards.
 * @param options `imgsz`, `fit`, `augment`, `signal`; thresholds are given to `result`.
 * @example
 * const prediction = await predict(model, image, { imgsz: 640 });
 * slider.oninput = () => draw(prediction.result({ conf: slider.valueAsNumber }));
 */
export async function predict(
  model: Model<PictureSource>,
  source: PictureSource,
  options: DetectOptions = {},
): Promise<Prediction> {
  const { info } = model;
  const resolved = resolveOptions(options, info.classes);
  return untilAborted(resolved.signal, async (signal) => {
    const picture = await model.read(source, { maxPixels: options.maxPixels, signal });
    try {
      throwIfAborted(signal);
      for (const warning of picture.warnings ?? []) resolved.onWarning(warning);
      const started = performance.now();
      const input = model.inputOf(model.fit([picture], resolved));
      const ready = performance.now();
      const outputs = await model.infer(input, resolved);
      const speed = { preprocess: ready - started, inference: performance.now() - ready };
      return new Prediction(info, picture, input.shape, outputs, speed);
    } finally {
      picture.close?.();
    }
  });
}
