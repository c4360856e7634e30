/** Sends errors between threads: the other side gets the same class, message, details and cause. */

import {
  AttributeError,
  CheckpointError,
  DatasetError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  DownloadError,
  EngineError,
  GraphError,
  ImageError,
  LimitError,
  NumericError,
  OptionError,
  OutputError,
  PrecisionError,
  ShaderCompileError,
  ShapeError,
  UnsupportedError,
  VideoError,
  WeightError,
  WorkerError,
} from "../errors.js";

type Details = Readonly<Record<string, unknown>>;

/** An error as plain data. */
export interface WireError {
  readonly kind: "engine" | "dom" | "other";
  /** The class name of an engine error or standard error; minifiers do not change strings. */
  readonly name: string;
  readonly message: string;
  readonly details?: Details;
  readonly cause?: WireError;
}

type ErrorClass = new (message: string, details?: Details, options?: { cause?: unknown }) => Error;

/** All classes whose constructor takes a message; `DisposedError` creates its own. */
const ENGINE: Readonly<Record<string, ErrorClass>> = {
  AttributeError,
  CheckpointError,
  DatasetError,
  DeviceError,
  DeviceLostError,
  DownloadError,
  GraphError,
  ImageError,
  LimitError,
  NumericError,
  OptionError,
  OutputError,
  PrecisionError,
  ShaderCompileError,
  ShapeError,
  UnsupportedError,
  VideoError,
  WeightError,
  WorkerError,
};

const STANDARD: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/**
 * Maximum length of a cause chain: causes are for people reading a console, and a longer chain is probably circular.
 */
const MOST_CAUSES = 4;

/** The values that can be sent. */
function cloneable(details: Details): Details {
  const sent: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(details)) {
    try {
      sent[key] = structuredClone(value);
    } catch {
      // A function or an object of the page; the message has what matters.
    }
  }
  return sent;
}

export function toWire(error: unknown, causes = MOST_CAUSES): WireError {
  if (!(error instanceof Error || error instanceof DOMException)) {
    return { kind: "other", name: "Error", message: String(error) };
  }
  const { name, message } = error;
  if (error instanceof DOMException) return { kind: "dom", name, message };
  const cause = error.cause === undefined || causes === 0 ? {} : { cause: toWire(error.cause, causes - 1) };
  if (!(error instanceof EngineError)) return { kind: "other", name, message, ...cause };
  return { kind: "engine", name, message, details: cloneable(error.details), ...cause };
}

/** The error as it was thrown on the other side. */
export function fromWire({ kind, name, message, details = {}, cause }: WireError): Error {
  if (kind === "dom") return new DOMException(message, name);
  if (kind === "engine" && name === "DisposedError") return new DisposedError(String(details.what));
  const options = cause && { cause: fromWire(cause) };
  if (kind === "engine" && ENGINE[name]) return new ENGINE[name](message, details, options);
  const error = new (STANDARD[name] ?? Error)(message);
  if (options) error.cause = options.cause;
  error.name = name;
  return error;
}
