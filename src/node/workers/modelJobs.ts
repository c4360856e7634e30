/** What a model on the caller's thread asks of its worker threads. Everything is plain; large memory is handed over. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { TuneOptions, TuneReport } from "../../runtime/backend.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { ResolvedOptions } from "../../yolov5/options.js";
import type { Outcome } from "../../yolov5/output/outcome.js";
import type { PredictionData } from "../../yolov5/output/prediction.js";
import type { Device, PlainMethod } from "../../yolov5/runner.js";
import type { SentPicture } from "../pictures/sentPicture.js";
import type { ModelSeed } from "./modelSeed.js";

/** What `open` receives. */
export interface ModelThreadData {
  readonly seed: ModelSeed;
  readonly options: Pick<LoadOptions, "threads" | "names" | "maxPixels">;
  /** Of `load`, without its callbacks. */
  readonly tune: Pick<TuneOptions, "seconds"> | undefined;
}

/** Without what cannot be sent. */
export type SentOptions = Omit<ResolvedOptions, "onWarning" | "onSlice" | "signal">;

export type ModelJob =
  | { readonly type: "facts" }
  /** @param first false if another job of the same call passes on the warnings about its options. */
  | {
      readonly type: "detect";
      readonly pictures: readonly SentPicture[];
      readonly options: SentOptions;
      readonly first: boolean;
    }
  | { readonly type: "predict"; readonly picture: SentPicture; readonly options: SentOptions }
  | {
      readonly type: "call";
      readonly method: PlainMethod | "inferRows" | "tune";
      readonly args: readonly unknown[];
    };

/** The device as it is after the job: a lost one may have been replaced. */
export type ModelAnswer = { readonly device: Device } & (
  | { readonly kind: "facts"; readonly info: ModelInfo; readonly fitsPictures: boolean }
  | { readonly kind: "outcomes"; readonly outcomes: readonly Outcome[] }
  | { readonly kind: "prediction"; readonly prediction: PredictionData }
  | { readonly kind: "value"; readonly value: unknown }
);

export type ModelEvent =
  | { readonly kind: "note" | "warning"; readonly text: string }
  | { readonly kind: "slice"; readonly progress: { readonly done: number; readonly total: number } }
  | { readonly kind: "progress"; readonly progress: { done: number; total: number; kernel: string } }
  | { readonly kind: "report"; readonly report: TuneReport };
