/** The jobs that `detect` sends to its workers. */

import type { NamedSeed } from "../../../node/workers/modelSeed.js";
import type { DetectOptions } from "../../../yolov5/options.js";
import type { Outcome } from "../../../yolov5/output/outcome.js";
import type { SourceItem } from "../sources/sourceItem.js";
import type { FinishOptions } from "./finish.js";
import type { Processed } from "./pictureBatch.js";

export interface DetectSeed {
  readonly model: NamedSeed;
  readonly options: Omit<DetectOptions, "onWarning" | "signal">;
  readonly maxPixels: number | undefined;
  /** Undefined: results come back with their pictures and are finished on the command's thread, in order. */
  readonly finish: FinishOptions | undefined;
  /** The font file given by the user. */
  readonly font: string | undefined;
}

export interface Frame {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly frame: number;
  readonly time: number;
}

export type DetectJob =
  | { readonly kind: "pictures"; readonly items: readonly SourceItem[] }
  | { readonly kind: "frames"; readonly source: string; readonly frames: readonly Frame[] };

export interface PicturesAnswer {
  readonly kind: "pictures";
  readonly processed: readonly Processed<Outcome>[];
  readonly warnings: readonly string[];
}

export interface FramesAnswer {
  readonly kind: "frames";
  readonly outcomes: readonly Outcome[];
  /** As they were given. */
  readonly frames: readonly Frame[];
  readonly warnings: readonly string[];
}

export type DetectAnswer = PicturesAnswer | FramesAnswer;
