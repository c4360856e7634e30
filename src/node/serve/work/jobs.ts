/** The jobs of a server, as plain data that threads can send. */

import type { WireError } from "../../../api/wireError.js";
import type { ThemeName } from "../../../image/draw/theme.js";
import type { DetectOptions } from "../../../yolov5/options.js";
import type { WrittenFormat } from "../../pictures/savePicture.js";
import type { NamedSeed } from "../../workers/modelSeed.js";

/** How an annotated picture is drawn and written. */
export interface Annotation {
  readonly format: WrittenFormat;
  readonly theme?: ThemeName | undefined;
  readonly lineThickness?: number | undefined;
  readonly hideLabels?: boolean | undefined;
  readonly hideConf?: boolean | undefined;
}

/** A picture file → its entry in the JSON, or the picture with everything drawn on it. */
export interface DetectJob {
  readonly kind: "detect";
  readonly bytes: Uint8Array;
  /** The file's name, if the client gave one. */
  readonly source: string | undefined;
  readonly options: Omit<DetectOptions, "onWarning" | "signal" | "batchSize" | "maxPixels">;
  readonly annotate: Annotation | undefined;
}

/** Input tensor [N, 3, H, W], float32, RGB 0 to 1 → the network's raw outputs. */
export interface InferJob {
  readonly kind: "infer";
  readonly shape: readonly [number, number, number, number];
  readonly data: Float32Array;
  /** Outputs wanted as JSON text, by index: made where the network runs, since that takes as long. */
  readonly texts: readonly number[];
}

export type ServeJob = DetectJob | InferJob;

/** Milliseconds, of whole jobs. */
export type StageTimes = Readonly<
  Partial<Record<"decode" | "preprocess" | "inference" | "postprocess" | "encode", number>>
>;

export interface DetectAnswer {
  readonly kind: "detect";
  /** JSON. */
  readonly entry: string;
  /** The annotated picture's file. */
  readonly picture: Uint8Array | undefined;
  readonly ms: StageTimes;
}

export interface OutputTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  /** `[0.5,…]`, if requested; `data` is then empty. */
  readonly text: string | undefined;
}

export interface InferAnswer {
  readonly kind: "infer";
  readonly outputs: readonly OutputTensor[];
  readonly ms: StageTimes;
}

export type ServeAnswer = DetectAnswer | InferAnswer;

/** What a thread of the server receives when it starts. */
export interface ServeSeed {
  readonly model: NamedSeed;
  readonly maxPixels: number;
  readonly maxBatch: number;
}

/** The jobs of one batch, and the outcome of each. */
export type SentAnswer = ServeAnswer | { readonly error: WireError };
