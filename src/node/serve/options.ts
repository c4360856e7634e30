/** Options of `createServer`, checked once. */

import type { WeightSource } from "../../api/sources.js";
import { OptionError } from "../../errors.js";
import type { BackendChoice } from "../../runtime/backend.js";
import { count, shown } from "../../yolov5/calls/checks.js";

/** A model to serve: its name and version in requests, and the location of its weights. */
export interface ServedModelSource {
  /** Letters, digits, `.`, `_` and `-`. Default: the name of the file without its extension. */
  readonly name?: string | undefined;
  /** A whole number from 1 that requests can ask for; without one they get the highest. Default `1`. */
  readonly version?: string | undefined;
  /** What `load` accepts. A path is read again when the model is reloaded. */
  readonly weights: WeightSource;
}

/** `"silent"` writes nothing. */
export type ServeLogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Options of `createServer`. */
export interface ServeOptions {
  /** One or more models; the first is the default for `/detect`. Default: the embedded model. */
  readonly models?: WeightSource | ServedModelSource | readonly (WeightSource | ServedModelSource)[] | undefined;
  /** Default `127.0.0.1`: only this machine. */
  readonly host?: string | undefined;
  /** Default 8000; 0: any free port. */
  readonly port?: number | undefined;
  /** Port of the gRPC service; 0: any free port. Default: no gRPC. */
  readonly grpcPort?: number | undefined;
  readonly backend?: BackendChoice | undefined;
  /** Threads of the WASM backend if the server's own thread computes (`workers: 0`). */
  readonly threads?: number | undefined;
  readonly half?: boolean | undefined;
  /** Model description (YAML content) for a state dict without one. */
  readonly config?: unknown;
  /** Class names for files without any. */
  readonly names?: readonly string[] | Readonly<Record<number, string>> | undefined;
  /**
   * Threads that each compute whole pictures; 0: the server's own thread, with all threads of the backend for each
   * picture. Default: one per core on the CPU, as far as memory allows, and 0 on GPUs.
   */
  readonly workers?: number | undefined;
  /** Maximum number of pictures per forward pass. Default 8 on GPUs; 1 on the CPU, where a batch takes as long as its pictures one by one. */
  readonly maxBatch?: number | undefined;
  /** Milliseconds that a picture may wait for others to fill its batch. Default 0: batches form only while all slots are busy. */
  readonly maxDelay?: number | undefined;
  /** Maximum number of waiting pictures; further requests get 429. Default 64. */
  readonly maxQueue?: number | undefined;
  /** Milliseconds from the end of a request's body to its answer; 504 afterwards. Default 30,000. */
  readonly timeout?: number | undefined;
  /** Milliseconds in which a request's body must arrive; 408 afterwards. Default 30,000. */
  readonly readTimeout?: number | undefined;
  /** Maximum size of a request's body, in bytes. Default 64 MiB. */
  readonly maxBody?: number | undefined;
  /** Maximum number of pixels of a picture. Default 2^25. */
  readonly maxPixels?: number | undefined;
  /** Largest side of the network's input that requests may ask for. Default 1280, or the model's own size if that is larger. */
  readonly maxImgsz?: number | undefined;
  /** Requests must carry it: `Authorization: Bearer KEY` or `X-API-Key: KEY`. Default: none. */
  readonly apiKey?: string | undefined;
  /** Milliseconds for which a closing server still accepts requests, while it already reports not ready. Default 0. */
  readonly drainDelay?: number | undefined;
  /** Milliseconds in which accepted requests must be done when the server closes. Default 30,000. */
  readonly drainTimeout?: number | undefined;
  /** Default `"silent"`. */
  readonly logLevel?: ServeLogLevel | undefined;
  /** Receives the log: one JSON object per line. Default: standard output. */
  readonly log?:
    | {
        /** Receives a line with its end. */
        write(text: string): void;
      }
    | undefined;
  /** Receives notes about decisions: why a backend was skipped, what a file lacks. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Aborts starting. */
  readonly signal?: AbortSignal | undefined;
}

type Filled =
  | "host"
  | "port"
  | "maxDelay"
  | "maxQueue"
  | "timeout"
  | "readTimeout"
  | "maxBody"
  | "maxPixels"
  | "drainDelay"
  | "drainTimeout"
  | "logLevel";

export type ResolvedServeOptions = Omit<ServeOptions, Filled> & {
  readonly [K in Filled]: Exclude<ServeOptions[K], undefined>;
};

const LOG_LEVELS: readonly ServeLogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** Timers of Node count milliseconds in 31 bits. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** @throws OptionError naming the option and its value. */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  const { logLevel = "silent", apiKey, maxBatch, maxImgsz, workers, grpcPort } = options;
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new OptionError(`logLevel must be one of ${LOG_LEVELS.join(", ")}, got ${shown(logLevel)}`);
  }
  if (apiKey !== undefined && (typeof apiKey !== "string" || apiKey === "")) {
    throw new OptionError("apiKey must be a string that is not empty");
  }
  if (maxBatch !== undefined) count(maxBatch, "maxBatch");
  if (maxImgsz !== undefined) count(maxImgsz, "maxImgsz");
  if (workers !== undefined) whole(workers, "workers", 256);
  if (grpcPort !== undefined) whole(grpcPort, "grpcPort", 65535);
  return {
    ...options,
    host: options.host ?? "127.0.0.1",
    port: whole(options.port ?? 8000, "port", 65535),
    maxDelay: whole(options.maxDelay ?? 0, "maxDelay", 60_000),
    maxQueue: count(options.maxQueue ?? 64, "maxQueue"),
    timeout: milliseconds(options.timeout ?? 30_000, "timeout"),
    readTimeout: milliseconds(options.readTimeout ?? 30_000, "readTimeout"),
    maxBody: count(options.maxBody ?? 64 * 2 ** 20, "maxBody"),
    maxPixels: count(options.maxPixels ?? 2 ** 25, "maxPixels"),
    drainDelay: whole(options.drainDelay ?? 0, "drainDelay", MOST_MILLISECONDS),
    drainTimeout: whole(options.drainTimeout ?? 30_000, "drainTimeout", MOST_MILLISECONDS),
    logLevel,
  };
}

function whole(value: number, name: string, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new OptionError(`${name} must be a whole number from 0 to ${most}, got ${shown(value)}`, { value });
  }
  return value;
}

function milliseconds(value: number, name: string): number {
  if (!(Number.isInteger(value) && value >= 1 && value <= MOST_MILLISECONDS)) {
    throw new OptionError(
      `${name} must be a whole number of milliseconds from 1 to ${MOST_MILLISECONDS}, got ${shown(value)}`,
    );
  }
  return value;
}
