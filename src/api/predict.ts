/** `predict(model, picture)`: `model.predict(picture)` as a function. */

import type { Model } from "../yolov5/model.js";
import type { DetectOptions } from "../yolov5/options.js";
import type { Prediction } from "../yolov5/output/prediction.js";
import type { PictureSource } from "./sources.js";

/**
 * Runs the network on one picture and keeps its raw outputs, so that thresholds can be changed afterwards.
 * @param options `imgsz`, `fit`, `augment`, `signal`; pass thresholds to `result`.
 * @example
 * const prediction = await predict(model, image, { imgsz: 640 });
 * slider.oninput = () => draw(prediction.result({ conf: slider.valueAsNumber }));
 */
export function predict(
  model: Pick<Model<PictureSource>, "predict">,
  source: PictureSource,
  options: DetectOptions = {},
): Promise<Prediction> {
  return model.predict(source, options);
}
