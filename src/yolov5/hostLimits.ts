/** Errors that the host throws at its limits: memory, arrays, the stack. */

import { LimitError } from "../errors.js";

/** A `RangeError` of compiling or running a network as an error that says what to do; everything else as it is. */
export function asLimitError(cause: unknown, backend: string): unknown {
  if (!(cause instanceof RangeError)) return cause;
  return new LimitError(
    `${backend}: ${cause.message}: more than this host can hold; use a smaller imgsz, batch or model`,
    { backend },
    { cause },
  );
}
