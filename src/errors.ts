/**
 * The errors of every layer. Each has a code, the values involved, and a message with the rule, the values and the
 * fix. `EngineError` is their common base, so a caller can distinguish a deliberate refusal from a bug.
 */

import { oneLine } from "./printable.js";

/** Codes are stable; messages may change. */
export type ErrorCode =
  | "SHAPE"
  | "ATTRIBUTE"
  | "UNSUPPORTED"
  | "DEVICE"
  | "DEVICE_LOST"
  | "SHADER"
  | "DISPOSED"
  | "WEIGHT"
  | "GRAPH"
  | "IMAGE"
  | "CHECKPOINT"
  | "DOWNLOAD"
  | "DATASET"
  | "OPTION"
  | "VIDEO"
  | "NUMERIC"
  | "OUTPUT"
  | "WORKER";

/** Spelled out, because minifiers rename classes. A class that shares its base's code passes its own name. */
const NAMES: Readonly<Record<ErrorCode, string>> = {
  SHAPE: "ShapeError",
  ATTRIBUTE: "AttributeError",
  UNSUPPORTED: "UnsupportedError",
  DEVICE: "DeviceError",
  DEVICE_LOST: "DeviceLostError",
  SHADER: "ShaderCompileError",
  DISPOSED: "DisposedError",
  WEIGHT: "WeightError",
  GRAPH: "GraphError",
  IMAGE: "ImageError",
  CHECKPOINT: "CheckpointError",
  DOWNLOAD: "DownloadError",
  DATASET: "DatasetError",
  OPTION: "OptionError",
  VIDEO: "VideoError",
  NUMERIC: "NumericError",
  OUTPUT: "OutputError",
  WORKER: "WorkerError",
};

/** Maximum characters of a message, which may quote untrusted names and values; longer ones are shortened in the middle. */
const MOST_CHARACTERS = 1500;
const LAST_CHARACTERS = 400;

function messageOf(text: string): string {
  if (text.length <= MOST_CHARACTERS) return oneLine(text);
  return oneLine(`${text.slice(0, MOST_CHARACTERS - LAST_CHARACTERS)}…${text.slice(-LAST_CHARACTERS)}`);
}

/**
 * Base class of all errors that this engine throws deliberately. `details` holds the values in the message. Messages are
 * one line, without control characters.
 */
export abstract class EngineError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(messageOf(message), options);
    this.name = NAMES[code];
    this.code = code;
    this.details = details;
  }
}

type Details = Readonly<Record<string, unknown>>;

/** Shapes that do not match: op, rule, both values, node. */
export class ShapeError extends EngineError {
  constructor(message: string, details?: Details) {
    super("SHAPE", message, details);
  }
}

/** An op attribute outside the range that the op allows. */
export class AttributeError extends EngineError {
  constructor(message: string, details?: Details) {
    super("ATTRIBUTE", message, details);
  }
}

/** Something valid that this backend or engine does not support. */
export class UnsupportedError extends EngineError {
  constructor(message: string, details?: Details) {
    super("UNSUPPORTED", message, details);
  }
}

/** No adapter, a missing feature, or a limit that is too small. */
export class DeviceError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("DEVICE", message, details, options);
  }
}

/** A tensor, buffer or memory use beyond a limit: the limit, the value, and what would fit. */
export class LimitError extends DeviceError {
  override name = "LimitError";
}

/** The device was lost during a call. */
export class DeviceLostError extends EngineError {
  constructor(message: string, details?: Details) {
    super("DEVICE_LOST", message, details);
  }
}

/** A shader that does not compile: kernel, line, column, source. */
export class ShaderCompileError extends EngineError {
  constructor(message: string, details?: Details) {
    super("SHADER", message, details);
  }
}

/** Use after `dispose()`. */
export class DisposedError extends EngineError {
  constructor(what: string) {
    super("DISPOSED", `${what} was disposed; load it again`, { what });
  }
}

/** A tensor in a checkpoint that is missing, unexpected or has the wrong shape. */
export class WeightError extends EngineError {
  constructor(message: string, details?: Details) {
    super("WEIGHT", message, details);
  }
}

/** A malformed graph, or a module tree from which no graph can be built. */
export class GraphError extends EngineError {
  constructor(message: string, details?: Details) {
    super("GRAPH", message, details);
  }
}

/** A picture that cannot be decoded, drawn or written. */
export class ImageError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("IMAGE", message, details, options);
  }
}

/** A file that is not a YOLOv5 checkpoint: says what it is and how to fix it. */
export class CheckpointError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("CHECKPOINT", message, details, options);
  }
}

/** A failed download, or a wrong checksum. */
export class DownloadError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("DOWNLOAD", message, details, options);
  }
}

/** An unusable data set: an invalid line in a label file, a missing folder, classes that the model lacks. */
export class DatasetError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("DATASET", message, details, options);
  }
}

/** An invalid option of the library or the command line. */
export class OptionError extends EngineError {
  constructor(message: string, details?: Details) {
    super("OPTION", message, details);
  }
}

/** A video that cannot be read or written, or a missing ffmpeg. */
export class VideoError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("VIDEO", message, details, options);
  }
}

/** A result that cannot be written: the file, the reason and the fix. */
export class OutputError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("OUTPUT", message, details, options);
  }
}

/** A worker thread that ended in the middle of its work. Another one takes its place for the calls that follow. */
export class WorkerError extends EngineError {
  constructor(message: string, details?: Details) {
    super("WORKER", message, details);
  }
}

/** A network output that is NaN or infinite: a fault in the backend, the dtype or the weights. */
export class NumericError extends EngineError {
  constructor(message: string, details?: Details) {
    super("NUMERIC", message, details);
  }
}

/** A value that the chosen storage type cannot represent but float32 can; callers fall back to float32. */
export class PrecisionError extends NumericError {
  override name = "PrecisionError";
}

/** Asserts a condition that no input can violate. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) unreachable(message);
}

/** The error for a state that only a bug in this package can cause. */
export function unreachable(message: string): never {
  throw new Error(`internal error: ${message}`);
}
