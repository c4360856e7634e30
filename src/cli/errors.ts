/** Exit codes, and the one-line message for every error. */

import { withoutSecrets } from "../api/address.js";
import { EngineError } from "../errors.js";
import { isSystemError, systemReason } from "../node/files/systemReason.js";
import { oneLine } from "../printable.js";

/** 130 is the shell's code for Ctrl-C. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A flag, or a combination of flags, that is not valid. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A file given with an option cannot be used: a failed input, not wrong usage. */
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

/** One line, without the prefix `error:`, and without the passwords of addresses, which may stand where a file should. */
export function errorLine(error: unknown): string {
  return withoutSecrets(lineOf(error));
}

function lineOf(error: unknown): string {
  if (error instanceof EngineError || isOwn(error)) {
    return oneLine(error.message);
  }
  if (isSystemError(error)) return oneLine(`${error.path ?? "file"}: ${systemReason(error)}`);
  const message = error instanceof Error ? error.message : String(error);
  const text = message.startsWith("internal error") ? message : `internal error: ${message}`;
  return oneLine(`${text}; run again with DEBUG=1 and report the stack trace`);
}

/** An option that does not apply to this model is wrong usage too; everything else is a failed run. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof EngineError && error.code === "OPTION" ? EXIT.usage : EXIT.failed;
}
