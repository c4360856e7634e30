/** The options of `yolov5 distill`. */

import type { CommonFlags } from "../options/flags.js";

export interface DistillFlags extends CommonFlags {
  readonly teacher: string;
  readonly student: string;
  readonly data: string;
  readonly images?: string;
  readonly task: "train" | "val" | "test";
  readonly imgsz?: number;
  readonly maxPixels?: number;
  readonly minutes?: number;
  readonly steps?: number;
  /** Learn from the labels of those pictures too. */
  readonly labels?: boolean;
  /** Weight of the neck's features; default: not compared. */
  readonly features?: number;
  /** Learning rate. */
  readonly rate?: number;
  /** Where the run is kept and continued from. */
  readonly state?: string;
  readonly output?: string;
  readonly existOk?: boolean;
  readonly report?: string;
}
