/** ONNX exports whose heads their own operators decode: run by detect, val and the like, and never written again. */

import type { OpenedModel } from "../../yolov5/loadModel.js";
import { UsageError } from "../errors.js";

/** @throws UsageError for such a file, because what would be written lacks its decoding. */
export function refuseOwnDecoding({ checkpoint }: OpenedModel, path: string, command: string): void {
  if (!checkpoint.decoding) return;
  throw new UsageError(
    `${path}: the file's own operators decode its head, and ${command} cannot write them; give the .pt checkpoint that it was exported from`,
  );
}
