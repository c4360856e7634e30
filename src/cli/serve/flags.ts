/** What the options of `yolov5 serve` parse to. */

import type { ServeLogLevel } from "../../node/serve/options.js";
import type { CommonFlags } from "../options/flags.js";

export interface ServeFlags extends Omit<CommonFlags, "json"> {
  readonly weights?: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly grpcPort?: number;
  readonly workers?: number;
  readonly maxBatch?: number;
  /** Milliseconds. */
  readonly maxDelay: number;
  readonly maxQueue: number;
  /** Seconds. */
  readonly timeout: number;
  readonly readTimeout: number;
  /** MiB. */
  readonly maxBody: number;
  readonly maxPixels: number;
  readonly maxImgsz?: number;
  readonly apiKey?: string;
  readonly drainDelay: number;
  readonly drainTimeout: number;
  readonly logLevel: ServeLogLevel;
  readonly half?: boolean;
  readonly cfg?: string;
  readonly data?: string;
}
