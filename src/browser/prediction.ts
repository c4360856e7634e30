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
import { type Outcome, outcomesOf, type PictureFacts, pictureFacts, resultOf } from "../yolov5/output/outcome.js";
import { allRows } from "../yolov5/output/rows.js";

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

/** The network's outputs for one picture. `result` may be called as often as wanted. */
export class Prediction {
  /** Milliseconds. */
  readonly speed: { readonly preprocess: number; readonly inference: number };
  /** Raw outputs, as `model.forward` gives them. */
  readonly outputs: readonly HostTensor[];
  private readonly info: ModelInfo;
  private readonly facts: PictureFacts;
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
    this.facts = pictureFacts(picture);
    this.saver = picture.saver;
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
    const { info, outputs, facts, speed } = this;
    const batch = info.task === "classify" ? { logits: outputs[0] } : allRows(outputs);
    const [outcome] = outcomesOf([{ facts, speed }], this.input, batch, info, resolveOptions(options, info.classes));
    return outcome;
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
