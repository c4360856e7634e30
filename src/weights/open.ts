/** Opens a checkpoint of any known kind, and describes any other file. */

import { CheckpointError } from "../errors.js";
import { aboutFile, Budget } from "./budget.js";
import { identify } from "./formats/identify.js";
import { isLegacy, readPytorchLegacy } from "./formats/pytorch-legacy.js";
import { readPytorchZip } from "./formats/pytorch-zip.js";
import { isSafetensors, parseSafetensors } from "./formats/safetensors.js";
import { parseMetadata } from "./metadata.js";
import { selectModel, stripPrefixes } from "./select.js";
import type { Checkpoint } from "./types.js";

export interface OpenOptions {
  /** The file's name, for messages. */
  readonly path?: string;
}

/**
 * Reads a PyTorch checkpoint (zip or legacy) or a safetensors file. Nothing in the file is executed. Tensors are views
 * of `bytes` where alignment and strides permit, so keep `bytes` unchanged while they are used. Beyond `bytes` this
 * takes at most about 4 × its size + 64 MiB (see `Budget`), whatever the file declares.
 *
 * @throws CheckpointError for every other file, a damaged or a hostile one: one sentence with the path, what the file
 *   is and what to do.
 */
export function openCheckpoint(bytes: Uint8Array, options: OpenOptions = {}): Checkpoint {
  return aboutFile(options.path, "checkpoint", () => read(bytes));
}

function read(bytes: Uint8Array): Checkpoint {
  if (bytes.byteLength === 0) throw new CheckpointError("is empty (0 bytes); download or copy it again");
  const budget = new Budget(bytes.byteLength);
  if (isZip(bytes)) return selectModel(readPytorchZip(bytes, budget), "pytorch-zip", budget);
  if (isLegacy(bytes)) return selectModel(readPytorchLegacy(bytes, budget), "pytorch-legacy", budget);
  if (isSafetensors(bytes)) {
    const { metadata, tensors } = parseSafetensors(bytes, budget);
    if (tensors.size === 0) throw new CheckpointError("is a safetensors file without tensors; export the model again");
    return { format: "safetensors", stateDict: stripPrefixes(tensors), extra: parseMetadata(metadata) };
  }
  throw new CheckpointError(identify(bytes));
}

/** A local entry, or the end record of an empty or spanned archive. */
function isZip(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes[0] !== 0x50 || bytes[1] !== 0x4b) return false;
  return (bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6) || (bytes[2] === 7 && bytes[3] === 8);
}
