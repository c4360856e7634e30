/** The messages between a page and its worker. Everything in them is cloneable; pixels are transferred. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../../api/sources.js";
import type { WireError } from "../../api/wireError.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { DetectOptions } from "../../yolov5/options.js";
import type { Outcome } from "../../yolov5/output/outcome.js";
import type { Thresholds } from "../../yolov5/output/prediction.js";
import type { Device, PlainMethod } from "../../yolov5/runner.js";
import type { DecoderName } from "./decoders/protocol.js";

/** Windows of a picture that are done. */
export interface SliceProgress {
  readonly done: number;
  readonly total: number;
}

/** A request to the worker; its answer carries the same `id`. */
export type Request =
  | {
      readonly type: "load";
      readonly sources: readonly WeightSource[];
      readonly options: Pick<
        LoadOptions,
        "backend" | "half" | "tune" | "threads" | "cache" | "config" | "names" | "fitPictures" | "maxPixels"
      >;
    }
  /** Runs the network. With `keep` the prediction stays in the worker under the request's id until it is released. */
  | {
      readonly type: "predict";
      readonly source: PictureSource;
      readonly options: Omit<DetectOptions, "onWarning" | "onSlice" | "signal">;
      readonly keep: boolean;
    }
  | { readonly type: "select"; readonly prediction: number; readonly options: Thresholds }
  | { readonly type: "release"; readonly prediction: number }
  | { readonly type: "call"; readonly method: PlainMethod; readonly args: readonly unknown[] }
  | { readonly type: "dispose" };

/** A request, or the cancellation of one, which takes effect even while the request is queued. */
export type ToHost =
  | ((Request | { readonly type: "abort" }) & { readonly id: number })
  /** This decoder's worker has ended. */
  | { readonly type: "decoderEnded"; readonly decoder: DecoderName; readonly reason: string };

export type Answer =
  | { readonly kind: "loaded"; readonly info: ModelInfo }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "none" };

export type FromHost =
  | { readonly type: "started" }
  /** Requests a decoder, which answers over the port. */
  | { readonly type: "decoder"; readonly decoder: DecoderName; readonly port: ChannelPort }
  | { readonly type: "progress"; readonly loaded: number; readonly total: number | undefined }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "warning"; readonly id: number; readonly text: string }
  | ({ readonly type: "slice"; readonly id: number } & SliceProgress)
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer; readonly device: Device | undefined }
  | { readonly type: "failed"; readonly id: number; readonly error: WireError };

/** Both ends of a worker, or of a channel within one thread. */
export interface Port {
  /** `transfer`: Transferable objects, a type that only the DOM library has. */
  postMessage(message: unknown, transfer?: object[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** A `MessagePort`, a type that only the DOM library has. */
export interface ChannelPort extends Port {
  close(): void;
}
