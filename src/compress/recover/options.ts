/** What a training takes, tells and gives. */

import type { ImageError } from "../../errors.js";
import type { TrainingGraph } from "../../ops/gradients/index.js";
import type { Backend } from "../../runtime/backend.js";
import type { Trainer } from "../../runtime/trainer.js";
import type { ModuleNode } from "../../weights/types.js";
import type { Rounding } from "./int8.js";
import type { TrainingSample } from "./pictures.js";
import type { CurvePoint } from "./state.js";

/** How a training goes, after each step. */
export interface RecoverProgress {
  readonly step: number;
  /** As far as is known: a run that is limited by time finds out while it runs. */
  readonly steps: number;
  readonly loss: number;
  /** The last look at watched pictures. */
  readonly last: CurvePoint;
  readonly secondsLeft: number;
}

export interface FeatureOptions {
  /** Of the features' distance, beside that of the head's maps. */
  readonly weight: number;
  /** For each level of a pruned student's neck, the finest first, the teacher's channel of each of its own. Default: not known. */
  readonly kept?: readonly (readonly number[])[] | undefined;
}

export interface RecoverOptions {
  readonly backend: Backend;
  readonly openTrainer: (graph: TrainingGraph) => Promise<Trainer>;
  readonly pictures: readonly TrainingSample[];
  /** Learn from the pictures' labels too, with the loss of the field in addition. Default false: labels are not looked at. */
  readonly labels?: boolean | undefined;
  /** Bring what the neck gives the head closer to the teacher's too. Default: not. */
  readonly features?: FeatureOptions | undefined;
  /** Longer side of networks' inputs that the student is meant for. */
  readonly imgsz: number;
  /** How long to train. A run of `steps` is the same whenever it is made; one of `minutes` does what it can in that time. */
  readonly limit: { readonly minutes: number } | { readonly steps: number };
  /** How much a step may change a tensor, as a share of its size. */
  readonly learningRate?: number | undefined;
  /**
   * How well a tree agrees with the teacher on the watched pictures (`splitPictures`), from 0 to 1; decides which weights are kept.
   * Default: the distance of the maps decides.
   */
  readonly agreement?: ((module: ModuleNode) => Promise<number>) | undefined;
  /** What the student rounds in training, as the int8 network does that it is meant for. */
  readonly rounding?: Rounding | undefined;
  /** Of fewer pictures, none is held out. Default: `LEAST_TO_HOLD_OUT`. */
  readonly leastToHoldOut?: number | undefined;
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RecoverProgress) => void) | undefined;
  /** Told once of every picture that cannot be decoded, and is therefore left out. */
  readonly onUnreadable?: ((error: ImageError) => void) | undefined;
  /** A run that was interrupted. */
  readonly saved?: Uint8Array | undefined;
  /** Receives the run now and then, and when it is interrupted. */
  readonly onState?: ((bytes: () => Uint8Array, best: () => ModuleNode) => Promise<void>) | undefined;
}

export interface Recovered {
  readonly module: ModuleNode;
  /** The one whose weights these are. */
  readonly kept: CurvePoint;
  readonly curve: readonly CurvePoint[];
  readonly steps: number;
  readonly seconds: number;
  /** How many were trained on, and how many the curve is about. */
  readonly pictures: { readonly trained: number; readonly watched: number };
}
