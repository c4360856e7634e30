/** A picture's network outputs, independent of thresholds, so that sliders only re-run the suppression. */

import type { HostTensor } from "../../tensor/index.js";
import type { ModelInfo } from "../checkpoint/modelInfo.js";
import type { ResultSaver } from "../draw/saver.js";
import { type DetectOptions, resolveOptions } from "../options.js";
import { allRows } from "./nms/rows.js";
import { type Outcome, outcomesOf, type PictureFacts, type Result, resultOf } from "./outcome.js";

/** The options of `detect` that apply after the network. */
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

/** A prediction as plain data that threads can send. */
export interface PredictionData {
  readonly facts: PictureFacts;
  /** Shape of the network's input. */
  readonly input: readonly number[];
  readonly outputs: readonly HostTensor[];
  /** Milliseconds. */
  readonly speed: { readonly preprocess: number; readonly inference: number };
}

/** The network's outputs for one picture. `result` may be called any number of times. */
export class Prediction {
  /** Milliseconds. */
  readonly speed: PredictionData["speed"];
  /** Raw outputs, as returned by `model.forward`. */
  readonly outputs: readonly HostTensor[];
  private readonly info: ModelInfo;
  private readonly facts: PictureFacts;
  private readonly saver: ResultSaver | undefined;
  private readonly input: readonly number[];

  constructor(info: ModelInfo, { facts, input, outputs, speed }: PredictionData, saver?: ResultSaver) {
    this.info = info;
    this.facts = facts;
    this.saver = saver;
    this.input = input;
    this.outputs = outputs;
    this.speed = speed;
  }

  /**
   * Runs NMS with other thresholds, without running the network.
   * @throws OptionError.
   */
  result(options: Thresholds = {}): Result {
    return resultOf(this.outcome(options), this.info.names, this.saver);
  }

  /** The same as `result`, as plain data. */
  outcome(options: Thresholds = {}): Outcome {
    const { info, outputs, facts, speed } = this;
    const batch = info.task === "classify" ? { logits: outputs[0] } : allRows(outputs);
    const [outcome] = outcomesOf([{ facts, speed }], this.input, batch, info, resolveOptions(options, info));
    return outcome;
  }
}
