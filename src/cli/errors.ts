/** Exit codes, and every error as the one line that a user reads. */

import { EngineError } from "../errors.js";
import { isSystemError, systemReason } from "../node/files/systemReason.js";
import { oneLine } from "../printable.js";

/** The contract's codes; 130 is the shell's for Ctrl-C. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Flags that make no sense, alone or together. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A file given with an option that cannot be used: an input that failed, not wrong usage. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";

  constructor(message = "interrupted") {
    super(message);
  }
}

function isOwn(error: unknown): error is Error {
  return error instanceof UsageError || error instanceof InputError || error instanceof InterruptedError;
}

/** One line, without the word `error`. */
export function errorLine(error: unknown): string {
  if (error instanceof EngineError || isOwn(error)) {
    return oneLine(error.message);
  }
  if (isSystemError(error)) return oneLine(`${error.path ?? "file"}: ${systemReason(error)}`);
  const message = error instanceof Error ? error.message : String(error);
  const text = message.startsWith("internal error") ? message : `internal error: ${message}`;
  return oneLine(`${text}; run again with DEBUG=1 for the stack and report it`);
}

/** An option that makes no sense for this model is wrong usage as well; all else is a failed run. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof EngineError && error.code === "OPTION" ? EXIT.usage : EXIT.failed;
}
