/** Which errors end a run. */

import { EngineError, type ErrorCode } from "../../../errors.js";
import { InterruptedError } from "../../errors.js";

/** Errors after which no further picture can succeed. */
const FATAL: ReadonlySet<ErrorCode> = new Set([
  "DEVICE",
  "DEVICE_LOST",
  "SHADER",
  "DISPOSED",
  "GRAPH",
  "WEIGHT",
  "OPTION",
]);

export function isFatal(error: unknown): boolean {
  return error instanceof InterruptedError || (error instanceof EngineError && FATAL.has(error.code));
}
