/**
 * What `evaluate` counts picture by picture, and the figures that follow from it. The counts of several parts of a data
 * set, added in their order, give the figures of the whole: to the last digit, since equal confidences keep their order.
 */

import type { Speed } from "../../yolov5/output/results.js";
import type { MeasuredPicture } from "../measurePictures.js";
import type { ApDefinition } from "../metrics/averagePrecision.js";
import { ConfusionMatrix } from "../metrics/confusionMatrix.js";
import { type Metrics, MetricsAccumulator, type PictureMatches } from "../metrics/metrics.js";

/** Everything that the figures are computed from, as plain data. */
export interface EvaluationStatistics {
  readonly pictures: number;
  /** Detections and labels of all pictures, one picture after the other. */
  readonly boxes: PictureMatches;
  /** The same for masks, from a segmentation model. */
  readonly masks: PictureMatches | undefined;
  /** The same for keypoints, from a pose model. */
  readonly poses: PictureMatches | undefined;
  /** Number of classes, and `ConfusionMatrix.counts`: (classes + 1)² numbers. */
  readonly classes: number;
  readonly confusion: Float64Array;
  /** Total milliseconds of all pictures. */
  readonly ms: Speed;
  /** Default `yolov5`. */
  readonly averagePrecision?: ApDefinition | undefined;
}

/** The figures of a set of pictures. */
export interface EvaluationFigures {
  /** Figures for boxes. */
  readonly metrics: Metrics;
  /** Figures for masks, for segmentation models. */
  readonly maskMetrics: Metrics | undefined;
  /** Figures for keypoints by OKS, for pose models. */
  readonly keypointMetrics: Metrics | undefined;
  readonly confusion: ConfusionMatrix;
  /** Milliseconds per picture, without reading and decoding. */
  readonly speed: Speed;
  /** The data behind the figures, for `mergeStatistics`. */
  readonly statistics: () => EvaluationStatistics;
}

/** What a model has beside boxes, and what its average precision is. */
export interface TalliesOptions {
  readonly classes: number;
  readonly masks: boolean;
  readonly poses: boolean;
  readonly averagePrecision?: ApDefinition | undefined;
}

export class EvaluationTallies {
  private readonly boxes = new MetricsAccumulator();
  private readonly masks: MetricsAccumulator | undefined;
  private readonly poses: MetricsAccumulator | undefined;
  private readonly confusion: ConfusionMatrix;
  private readonly averagePrecision: ApDefinition | undefined;
  private ms: Speed = { preprocess: 0, inference: 0, postprocess: 0 };
  private count = 0;

  constructor({ classes, masks, poses, averagePrecision }: TalliesOptions) {
    this.averagePrecision = averagePrecision;
    this.masks = masks ? new MetricsAccumulator() : undefined;
    this.poses = poses ? new MetricsAccumulator() : undefined;
    this.confusion = new ConfusionMatrix(classes);
  }

  /** Pictures added so far. */
  get pictures(): number {
    return this.count;
  }

  add({ matches, maskMatches, poseMatches, labelBoxes, labelClasses, detections }: MeasuredPicture): void {
    this.boxes.add(matches);
    this.confusion.add({ labelBoxes, labelClasses, ...detections });
    if (maskMatches) this.masks?.add(maskMatches);
    if (poseMatches) this.poses?.add(poseMatches);
    this.count++;
  }

  /** @param ms of one or several pictures. */
  addTime(ms: Speed): void {
    this.ms = {
      preprocess: this.ms.preprocess + ms.preprocess,
      inference: this.ms.inference + ms.inference,
      postprocess: this.ms.postprocess + ms.postprocess,
    };
  }

  /** Adds the pictures that follow, measured elsewhere with the same model and options. */
  addAll({ pictures, boxes, masks, poses, confusion, ms }: EvaluationStatistics): void {
    this.boxes.add(boxes, pictures);
    if (masks) this.masks?.add(masks, pictures);
    if (poses) this.poses?.add(poses, pictures);
    for (const [i, counted] of confusion.entries()) this.confusion.counts[i] += counted;
    this.addTime(ms);
    this.count += pictures;
  }

  figures(): EvaluationFigures {
    const { boxes, masks, poses, confusion, ms, count, averagePrecision } = this;
    const pictures = Math.max(count, 1);
    return {
      metrics: boxes.compute(averagePrecision),
      maskMetrics: masks?.compute(averagePrecision),
      keypointMetrics: poses?.compute(averagePrecision),
      confusion,
      speed: {
        preprocess: ms.preprocess / pictures,
        inference: ms.inference / pictures,
        postprocess: ms.postprocess / pictures,
      },
      statistics: () => this.statistics(),
    };
  }

  private statistics(): EvaluationStatistics {
    const { boxes, masks, poses, confusion, ms, count, averagePrecision } = this;
    return {
      pictures: count,
      boxes: boxes.joined(),
      masks: masks?.joined(),
      poses: poses?.joined(),
      classes: confusion.classes,
      confusion: confusion.counts,
      ms,
      averagePrecision,
    };
  }
}

/**
 * The figures of a data set that was measured in parts (`evaluate` with `shard`).
 * @param parts one per shard, in order.
 */
export function mergeStatistics(parts: readonly [EvaluationStatistics, ...EvaluationStatistics[]]): EvaluationFigures {
  const [{ classes, masks, poses, averagePrecision }] = parts;
  const has = { masks: masks !== undefined, poses: poses !== undefined };
  const tallies = new EvaluationTallies({ classes, ...has, averagePrecision });
  for (const part of parts) tallies.addAll(part);
  return tallies.figures();
}
