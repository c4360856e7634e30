/** `load` in a page or worker. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import type { Model } from "../yolov5/model.js";
import { loadWith } from "./loadWith.js";
import { IMPORTED_PARTS } from "./parts.js";

/**
 * Loads a model, or several as an ensemble.
 * @throws CheckpointError, DownloadError with what the file is and how to fix it; DeviceError if the backend is not
 * available; the reason of `signal`.
 * @example
 * const model = await load("best.pt", { onProgress: ({ loaded, total }) => bar(loaded, total) });
 * const { detections } = await model.detect(image);
 */
export function load(
  source?: WeightSource | readonly WeightSource[],
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  return loadWith(IMPORTED_PARTS, source, options);
}
