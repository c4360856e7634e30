/** The options of `yolov5 val`. */

import type { ApDefinition } from "../../eval/metrics/averagePrecision.js";
import type { CommonFlags } from "../options/flags.js";
import type { SliceFlags } from "../options/slices.js";
import type { ShardFlag } from "../shards/shardOption.js";

export interface ValFlags extends CommonFlags, SliceFlags {
  readonly weights?: readonly string[];
  readonly data: string;
  readonly images?: string;
  readonly cfg?: string;
  readonly task: "train" | "val" | "test" | "speed";
  readonly imgsz?: number;
  readonly batchSize: number;
  readonly forwardBatch: number;
  readonly half?: boolean;
  readonly maxPixels?: number;
  readonly tune?: boolean;
  readonly augment?: boolean;
  readonly confThres?: number;
  readonly iouThres?: number;
  readonly maxDet?: number;
  /** Treat pictures as detect does. */
  readonly asDetect?: boolean;
  /** Absent: YOLOv5's. */
  readonly ap?: ApDefinition;
  readonly singleCls?: boolean;
  readonly verbose?: boolean;
  readonly saveTxt?: boolean;
  readonly saveConf?: boolean;
  readonly saveJson?: boolean;
  readonly saveHybrid?: boolean;
  readonly noplots?: boolean;
  readonly project?: string;
  readonly name: string;
  readonly existOk?: boolean;
  /** Threads that each do whole pictures; absent: as many as pay off. */
  readonly workers?: number;
  readonly shard?: ShardFlag;
  /** Skip a shard that is done. */
  readonly resume?: boolean;
  readonly dnn?: boolean;
}
