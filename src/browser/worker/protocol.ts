/** The messages between a page and its worker. Everything in them can be cloned; pixels are transferred. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../../api/sources.js";
import {
  AttributeError,
  CheckpointError,
  DatasetError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  DownloadError,
  EngineError,
  type ErrorCode,
  GraphError,
  ImageError,
  NumericError,
  OptionError,
  ShaderCompileError,
  ShapeError,
  UnsupportedError,
  OutputError,
  VideoError,
  WeightError,
} from "../../errors.js";
import type { ComputeDType } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModelInfo } from "../../yolov5/modelInfo.js";
import type { DetectOptions } from "../../yolov5/options.js";
import type { Outcome, Thresholds } from "../prediction.js";

export interface Device {
  readonly name: string;
  readonly adapter: string;
  readonly dtype: ComputeDType;
}

/** Methods of `Model` that are passed on as they are. */
export type PlainMethod = "forward" | "warmup" | "tap" | "profile" | "memory";

/** What is asked of the worker; `id` comes back with the answer. */
export type Request =
  | {
      readonly type: "load";
      readonly sources: readonly WeightSource[];
      readonly options: Pick<
        LoadOptions,
        "backend" | "half" | "tune" | "threads" | "cache" | "config" | "fitPictures" | "maxPixels"
      >;
    }
  /** Runs the network. With `keep` the prediction stays in the worker under the request's id until it is released. */
  | {
      readonly type: "predict";
      readonly source: PictureSource;
      readonly options: Omit<DetectOptions, "onWarning" | "signal">;
      readonly keep: boolean;
    }
  | { readonly type: "select"; readonly prediction: number; readonly options: Thresholds }
  | { readonly type: "release"; readonly prediction: number }
  | { readonly type: "call"; readonly method: PlainMethod; readonly args: readonly unknown[] }
  | { readonly type: "dispose" };

/** A request, or that the one of this number is no longer wanted, which is heard before its turn comes. */
export type ToHost = (Request | { readonly type: "abort" }) & { readonly id: number };

export type Answer =
  | { readonly kind: "loaded"; readonly info: ModelInfo }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "none" };

export type FromHost =
  | { readonly type: "started" }
  | { readonly type: "progress"; readonly loaded: number; readonly total: number | undefined }
  | { readonly type: "note"; readonly text: string }
  | { readonly type: "warning"; readonly id: number; readonly text: string }
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer; readonly device: Device | undefined }
  | { readonly type: "failed"; readonly id: number; readonly error: WireError };

export interface WireError {
  readonly code: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Both ends of a worker, or of a channel within one thread. */
export interface Port {
  /** `transfer`: Transferable, which only DOM's types know. */
  postMessage(message: unknown, transfer?: object[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

function cloneable(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return structuredClone(details);
  } catch {
    return {};
  }
}

export function toWire(error: unknown): WireError {
  if (error instanceof EngineError) {
    const { code, name, message, details } = error;
    return { code, name, message, details: cloneable(details) };
  }
  const known = error instanceof Error || error instanceof DOMException;
  return known
    ? { code: undefined, name: error.name, message: error.message, details: {} }
    : { code: undefined, name: "Error", message: String(error), details: {} };
}

const CLASSES = {
  SHAPE: ShapeError,
  ATTRIBUTE: AttributeError,
  UNSUPPORTED: UnsupportedError,
  DEVICE: DeviceError,
  DEVICE_LOST: DeviceLostError,
  SHADER: ShaderCompileError,
  WEIGHT: WeightError,
  GRAPH: GraphError,
  IMAGE: ImageError,
  CHECKPOINT: CheckpointError,
  DOWNLOAD: DownloadError,
  DATASET: DatasetError,
  OPTION: OptionError,
  NUMERIC: NumericError,
  VIDEO: VideoError,
  OUTPUT: OutputError,
} as const satisfies Record<Exclude<ErrorCode, "DISPOSED">, unknown>;

/** The error as it was thrown in the worker: same class, message, details. */
export function fromWire({ code, name, message, details }: WireError): Error {
  if (code === "DISPOSED") return new DisposedError(String(details.what ?? "the model"));
  if (code !== undefined) return new CLASSES[code](message, details);
  if (name === "AbortError") return new DOMException(message, name);
  const error = new Error(message);
  error.name = name;
  return error;
}

/** Buffers of tensors that may be given away. */
export function buffersOf(tensors: readonly HostTensor[]): ArrayBuffer[] {
  const buffers = tensors.map(({ data }) => data.buffer).filter((buffer) => buffer instanceof ArrayBuffer);
  return [...new Set(buffers)];
}
