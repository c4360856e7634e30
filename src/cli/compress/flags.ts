/** What `yolov5 compress` was told. */

import type { PruningCriterion } from "../../compress/channelPruner.js";
import type { BackendChoice } from "../../runtime/backend.js";
import type { CommonFlags } from "../options/flags.js";

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
  /** Share of the channels. */
  readonly prune?: number;
  /** Share of the operations that is left. */
  readonly targetFlops?: number;
  /** Points of mAP50-95. */
  readonly maxDrop?: number;
  readonly criterion: PruningCriterion;
  readonly scope: "global" | "layer";
  readonly round: number;
  readonly unstructured?: number;
  readonly half?: boolean;
  readonly int8?: boolean;
  readonly calibrationImages: number;
  /** Pictures for calibration, where not those of `data`. */
  readonly calibrationData?: string;
  /** Further checkpoints for the same table. */
  readonly compare?: readonly string[];
  /** Backends that are timed. */
  readonly latency?: readonly BackendChoice[];
  readonly iterations: number;
}
