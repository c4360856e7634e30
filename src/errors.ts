/**
 * The errors of every layer: each has a code, the values it speaks of, and a message that names the rule, the values
 * and the fix. `EngineError` is their common base, so a caller can tell a clear refusal from a bug.
 */

import { oneLine } from "./printable.js";

/** Codes are stable; messages may be improved. */
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
  | "OUTPUT";

/** Written out, because minifiers rename classes. A class that shares its base's code gives its own name. */
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
};

/** Characters of a message, which may name modules, files and values of strangers; what is beyond goes from its middle. */
const MOST_CHARACTERS = 1500;
const LAST_CHARACTERS = 400;

function messageOf(text: string): string {
  if (text.length <= MOST_CHARACTERS) return oneLine(text);
  return oneLine(`${text.slice(0, MOST_CHARACTERS - LAST_CHARACTERS)}…${text.slice(-LAST_CHARACTERS)}`);
}

/**
 * Base of all errors that this engine throws on purpose. `details` holds the values that the message names. Messages are one
 * line, without characters that steer a terminal.
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

/** Shapes that do not fit together: op, rule, both values, node. */
export class ShapeError extends EngineError {
  constructor(message: string, details?: Details) {
    super("SHAPE", message, details);
  }
}

/** An op's attribute outside what the op allows. */
export class AttributeError extends EngineError {
  constructor(message: string, details?: Details) {
    super("ATTRIBUTE", message, details);
  }
}

/** Something well-formed that this backend or engine does not do. */
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

/** A tensor, buffer or memory beyond what the device allows: which limit, its value, and what would fit. */
export class LimitError extends DeviceError {
  override name = "LimitError";
}

/** The device went away while work was under way. */
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

/** A tensor that is missing, unexpected or of the wrong shape in a checkpoint. */
export class WeightError extends EngineError {
  constructor(message: string, details?: Details) {
    super("WEIGHT", message, details);
  }
}

/** A graph that is not well formed, or a module tree that gives none. */
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

/** A file that is no checkpoint of YOLOv5: says what it is and what to do. */
export class CheckpointError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("CHECKPOINT", message, details, options);
  }
}

/** A download that failed or whose checksum is wrong. */
export class DownloadError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("DOWNLOAD", message, details, options);
  }
}

/** A data set that cannot be measured on: a label file's bad line, a missing folder, classes that the model lacks. */
export class DatasetError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("DATASET", message, details, options);
  }
}

/** An option of the library or the command line that makes no sense. */
export class OptionError extends EngineError {
  constructor(message: string, details?: Details) {
    super("OPTION", message, details);
  }
}

/** A video that cannot be read or written, or ffmpeg, which does both, is missing. */
export class VideoError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("VIDEO", message, details, options);
  }
}

/** A result that cannot be written: which file, why, and what to do. */
export class OutputError extends EngineError {
  constructor(message: string, details?: Details, options?: { cause?: unknown }) {
    super("OUTPUT", message, details, options);
  }
}

/** A network output that is not a number or infinite: a fault of the backend, the dtype or the weights. */
export class NumericError extends EngineError {
  constructor(message: string, details?: Details) {
    super("NUMERIC", message, details);
  }
}

/** A number that the chosen storage type cannot hold and float32 can: callers fall back to float32. */
export class PrecisionError extends NumericError {
  override name = "PrecisionError";
}

/** For bugs only: a condition that no input can break. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) unreachable(message);
}

/** Where no input can lead, only a fault of this package. */
export function unreachable(message: string): never {
  throw new Error(`internal error: ${message}`);
}
