/** The bytes of a checkpoint passed by a caller, in Node and in pages. */

import { CheckpointError } from "../errors.js";
import { bytesIn, describeGiven, isBlob, nameOfBlob } from "../yolov5/input/given.js";
import { unreadableBlob } from "../yolov5/input/pictures.js";

/**
 * @param source bytes or a file, from any realm.
 * @returns the bytes, which are the model's own, and their name for messages.
 * @throws CheckpointError for anything else.
 */
export async function givenBytes(source: unknown): Promise<{ readonly bytes: Uint8Array; readonly path: string }> {
  const bytes = bytesIn(source);
  // A copy, because tensors are views of it and are read later too, while the caller may reuse the memory or transfer it.
  if (bytes) return { bytes: new Uint8Array(bytes), path: "checkpoint" };
  if (!isBlob(source)) {
    throw new CheckpointError(
      `a checkpoint must be a path or URL, a file (Blob or File) or its bytes, got ${describeGiven(source)}`,
    );
  }
  const path = nameOfBlob(source) ?? "checkpoint";
  try {
    return { bytes: new Uint8Array(await source.arrayBuffer()), path };
  } catch (error) {
    throw new CheckpointError(`${path}: ${unreadableBlob(error)}`, { path }, { cause: error });
  }
}
