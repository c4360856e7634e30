/** The input size that a model was made for, according to its file, and its default input size. */

import { scalarNumber } from "../../weights/describe.js";
import type { Checkpoint, PlainValue } from "../../weights/types.js";
import type { Size } from "../output/boxes.js";
import { entryOf } from "./mapping.js";
import type { Task } from "./modelInfo.js";

/** Where training scripts store their options: YOLOv5's `opt`, and other scripts' names for it. */
const OPTIONS = ["opt", "args", "train_args"];

/** The training size [height, width] and the int8 calibration size, in pixels. */
export function statedSizes({ extra }: Checkpoint): { readonly trained?: Size; readonly calibrated?: Size } {
  const values = [extra, ...OPTIONS.map((key) => attributesOf(extra.get(key)))].map((map) => entryOf(map, "imgsz"));
  const trained = values.map(sizeOf).find((size) => size !== undefined);
  const calibrated = sizeOf(entryOf(extra.get("int8"), "imgsz"));
  return { ...(trained ? { trained } : {}), ...(calibrated ? { calibrated } : {}) };
}

/** The entries of a dictionary or a pickled `Namespace`. */
function attributesOf(value: PlainValue | undefined): PlainValue | undefined {
  return value !== null && typeof value === "object" && "kind" in value && value.kind === "opaque"
    ? value.state
    : value;
}

/** One side, or height and width; undefined for anything invalid. */
function sizeOf(value: unknown): Size | undefined {
  const sides = (Array.isArray(value) ? value.slice(0, 3) : [value]).map(scalarNumber);
  const [height, width = height] = sides;
  const fits = (side: number | undefined): side is number =>
    side !== undefined && Number.isInteger(side) && side >= 1 && side <= 16384;
  return sides.length <= 2 && fits(height) && fits(width) ? [height, width] : undefined;
}

/** The defaults of detect.py (640) and classify/predict.py (224). */
export function usualSize(task: Task): Size {
  return task === "classify" ? [224, 224] : [640, 640];
}
