/** The options of `yolov5 compress`. */

import type { PruningCriterion } from "../../compress/channelPruner.js";
import type { BlockPattern, GroupPattern } from "../../compress/prune/patterns.js";
import type { BackendChoice } from "../../runtime/backend.js";
import type { CommonFlags } from "../options/flags.js";
import type { ShardFlag } from "../shards/shardOption.js";

export interface CompressFlags extends CommonFlags {
  readonly weights: string;
  readonly data: string;
  readonly images?: string;
  readonly task: "train" | "val" | "test";
  readonly cfg?: string;
  readonly imgsz?: number;
  readonly maxPixels?: number;
  readonly output?: string;
  readonly report?: string;
  /** Fraction of the channels to remove. */
  readonly prune?: number;
  /** Fraction of the operations to keep. */
  readonly targetFlops?: number;
  /** In points of mAP50-95. */
  readonly maxDrop?: number;
  readonly criterion: PruningCriterion;
  readonly scope: "global" | "layer";
  readonly round: number;
  /** Train the pruned or quantized network to give what the original one gives. */
  readonly recover?: boolean;
  readonly recoverMinutes?: number;
  readonly recoverSteps?: number;
  /** How often to prune and train, an equal part each time. */
  readonly recoverRounds?: number;
  /** Pictures to train on; default: the calibration pictures' data set. */
  readonly recoverData?: string;
  /** Learn from the labels of those pictures too. */
  readonly recoverLabels?: boolean;
  /** Weight of the neck's features; default: not compared. */
  readonly recoverFeatures?: number;
  /** Learning rate; default: as the step before it needs. */
  readonly recoverRate?: number;
  /** Where the run is kept and continued from. */
  readonly recoverState?: string;
  /** Fraction of the operations to keep by factoring convolutions. */
  readonly lowRank?: number;
  readonly unstructured?: number | GroupPattern;
  /** Of output and input channels. */
  readonly block?: BlockPattern["block"];
  readonly half?: boolean;
  readonly int8?: boolean;
  readonly int8Head?: true;
  readonly calibrationImages: number;
  /** Calibration pictures; default: those of `data`. */
  readonly calibrationData?: string;
  /** Other checkpoints to measure in the same table. */
  readonly compare?: readonly string[];
  /** Backends to time. */
  readonly latency?: readonly BackendChoice[];
  readonly iterations: number;
  /** The part of the pictures to measure. */
  readonly shard?: ShardFlag;
  /** Skip a shard that is done. */
  readonly resume?: boolean;
}
