/** Opens a checkpoint of any known kind and says of every other file what it is. */

import { CheckpointError } from "../errors.js";
import { Budget } from "./budget.js";
import { readPytorchZip } from "./pytorch-zip.js";
import { selectModel } from "./select.js";
import type { Checkpoint } from "./types.js";

export interface OpenOptions {
  /** The file's name, for messages. */
  readonly path?: string;
}

export function openCheckpoint(bytes: Uint8Array, options: OpenOptions = {}): Checkpoint {
  const subject = options.path ?? "checkpoint";
  try {
    return read(bytes);
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    const details = options.path === undefined ? cause.details : { ...cause.details, path: options.path };
    throw new CheckpointError(`${subject}: ${cause.message}`, details, { cause: cause.cause });
  }
}

function read(bytes: Uint8Array): Checkpoint {
  const budget = new Budget(bytes.byteLength);
  return selectModel(readPytorchZip(bytes, budget), "pytorch-zip");
}
