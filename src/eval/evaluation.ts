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
  /** IoU threshold of NMS. Default 0.6; of networks without anchors 0.7. */
  readonly iou?: number | undefined;
  /** Default 300. */
  readonly maxDet?: number | undefined;
  /** Pictures that share an input shape. Default 32. */
  readonly batchSize?: number | undefined;
  /** One input shape per batch (default), or the full square without stride padding. */
  readonly rect?: boolean | undefined;
  /**
   * Look at pictures as `detect` does: its input (`rect`: of each picture), one class for each box, its defaults of `conf`, `iou` and
   * `maxDet`. Not with `slice`. Default false: as val.py.
   */
  readonly asDetect?: boolean | undefined;
  /**
   * What average precision is: YOLOv5 v7.0's, of which 0.995 is the most (default), or COCO's mean over 101 recalls, of which
   * it is 1. Boxes are matched with labels in the same way.
   */
  readonly averagePrecision?: ApDefinition | undefined;
  /** Treat all labels and boxes as class 0. */
  readonly singleClass?: boolean | undefined;
  /** Test-time augmentation (detection models). */
  readonly augment?: boolean | undefined;
  /** Look at overlapping windows of each picture and at the whole, as `detect` does with this option. Default false. */
  readonly slice?: DetectOptions["slice"];
  /** Pictures per forward pass. Default 1. */
  readonly forwardBatch?: number | undefined;
  /**
   * Only this part of the data set: whole batches, so that the parts, joined by `mergeStatistics`, have the figures of the
   * whole. It may be empty. Default: everything.
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
