/** `quantize`, whose code pages fetch when it is called. */

import type { Images, QuantizeOptions } from "../compress/quantize/quantize.js";
import { imported } from "../imported.js";
import { type MembersModel, membersOf } from "../yolov5/membersOf.js";

/**
 * The bytes of a quantized safetensors file, which `load` accepts.
 * @param model a loaded model, not an ensemble.
 * @param images decoded pictures like those the model will see.
 * @throws OptionError for an ensemble, for a model that is already int8, or without pictures.
 * @example
 * const model = await load("best.pt", { backend: "wasm" });
 * await writeFile("best-int8.safetensors", await quantize(model, images));
 */
export async function quantize(
  model: MembersModel,
  images: Images,
  options: QuantizeOptions = {},
): Promise<Uint8Array> {
  const { quantizeToFile } = await imported(import("../compress/quantize/quantize.js"));
  return quantizeToFile(await membersOf(model), images, options);
}
