/** Errors on their way between threads: the same class, message and details on the other side. */

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
  OutputError,
  ShaderCompileError,
  ShapeError,
  UnsupportedError,
  VideoError,
  WeightError,
} from "../../errors.js";

export interface WireError {
  readonly code: ErrorCode | undefined;
  readonly name: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
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
