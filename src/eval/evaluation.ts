/** What `evaluate` takes and gives. */

import type { DetectOptions } from "../yolov5/options.js";
import type { Sample } from "./dataset/types.js";
import type { PictureFindings } from "./measurePictures.js";
import type { ApDefinition } from "./metrics/averagePrecision.js";
import type { Shard } from "./statistics/shard.js";
import type { EvaluationFigures } from "./statistics/tallies.js";

/** Options of `evaluate`. */
export interface EvaluateOptions {
  /** Longer side of the input, in pixels. Default 640; int8: as calibrated. */
  readonly imgsz?: number | undefined;
  /** Default 0.001. */
  readonly conf?: number | undefined;
  /** IoU threshold of NMS. Default 0.6; 0.7 for networks without anchors. */
  readonly iou?: number | undefined;
  /** Default 300. */
  readonly maxDet?: number | undefined;
  /** Pictures that share an input shape. Default 32. */
  readonly batchSize?: number | undefined;
  /** One input shape per batch (default), or the full square without stride padding. */
  readonly rect?: boolean | undefined;
  /**
   * Treat pictures as `detect` does: its input (with `rect`, that of each picture), one class per box, its defaults for `conf`, `iou` and
   * `maxDet`. Not with `slice`. Default false: as val.py.
   */
  readonly asDetect?: boolean | undefined;
  /**
   * The definition of average precision: YOLOv5 v7.0's, which is at most 0.995 (default), or COCO's mean over 101 recalls, which is at
   * most 1. Boxes are matched to labels in the same way.
   */
  readonly averagePrecision?: ApDefinition | undefined;
  /** Treat all labels and boxes as class 0. */
  readonly singleClass?: boolean | undefined;
  /** Test-time augmentation (detection models). */
  readonly augment?: boolean | undefined;
  /** Detect in overlapping windows of each picture and in the whole, as `detect` does with this option. Default false. */
  readonly slice?: DetectOptions["slice"];
  /** Pictures per forward pass. Default 1. */
  readonly forwardBatch?: number | undefined;
  /**
   * Only this part of the data set, in whole batches. The parts, joined by `mergeStatistics`, have the figures of the whole. A part may
   * be empty. Default: everything.
   */
  readonly shard?: Shard | undefined;
  /** When aborted, evaluation ends after the current picture and returns the figures so far. */
  readonly signal?: AbortSignal | undefined;
  /** Receives a warning about anything that may affect the figures. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called after every picture, in the protocol's order. */
  readonly onPicture?: ((outcome: PictureOutcome) => void | Promise<void>) | undefined;
}

/** What was found in one picture. */
export interface PictureOutcome extends PictureFindings {
  /** The number of pictures done, including this one, and the total. */
  readonly done: number;
  readonly total: number;
  readonly sample: Sample;
}

/** The result of `evaluate`. */
export interface Evaluation extends EvaluationFigures {
  /** Pictures that could not be read, with the reason. */
  readonly failed: readonly { readonly sample: Sample; readonly error: Error }[];
  /** False if `signal` ended it early. */
  readonly complete: boolean;
}
