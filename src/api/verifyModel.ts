/** `verifyModel`, whose code pages fetch when it is called. */

import { imported } from "../imported.js";
import type { VerifiableModel, Verification, VerifyTolerance } from "../yolov5/verify.js";

/**
 * Runs the model on the reference's own input and compares every tensor in the file.
 * @param reference bytes of a `*.layers.safetensors`: `input_rgb_u8` [H, W, 3], `layer.i`, `head.i`, `prediction`,
 * `proto`.
 * @param path the file's name for messages.
 * @throws CheckpointError if the file is not such a reference.
 */
export async function verifyModel(
  model: VerifiableModel,
  reference: Uint8Array,
  tolerance: VerifyTolerance = {},
  path = "reference",
): Promise<Verification> {
  const verify = await imported(import("../yolov5/verify.js"));
  return verify.verifyModel(model, reference, tolerance, path);
}
