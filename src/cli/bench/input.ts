/** Input tensors for benches: a picture or seeded noise. Never zeros: their timings would be misleading. */

import { LimitError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import { type Float32Tensor, seededRandom, tensor } from "../../tensor/index.js";
import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import type { Family } from "../../yolov5/graph/heads.js";
import { CLASSIFY_TRANSFORMS } from "../../yolov5/input/classifyTransform.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";

const MOST_BYTES = 2 ** 32;

export interface InputOptions {
  readonly task: Task;
  /** Default YOLOv5's. */
  readonly family?: Family;
  readonly imgsz: readonly [number, number];
  readonly stride: number;
  readonly batch: number;
  readonly picture?: RgbImage | undefined;
}

/** [N, 3, H, W], the same picture N times. */
export function benchInput({ task, family = "yolov5", imgsz, stride, batch, picture }: InputOptions): Float32Tensor {
  const bytes = batch * 3 * imgsz[0] * imgsz[1] * 4;
  if (bytes > MOST_BYTES) {
    const gib = (bytes / 2 ** 30).toFixed(1);
    throw new LimitError(
      `${batch} pictures of ${imgsz[0]}×${imgsz[1]} need an input of ${gib} GiB, but at most 4 GiB are allowed; use a smaller imgsz or batch`,
      { bytes },
    );
  }
  if (!picture) return noise(batch, imgsz);
  if (task === "classify") {
    const fitted = CLASSIFY_TRANSFORMS[family].crop(picture, imgsz[0]);
    return CLASSIFY_TRANSFORMS[family].toTensor(Array.from({ length: batch }, () => fitted));
  }
  const { image } = letterbox(picture, { size: imgsz, stride, auto: false });
  return toTensor(Array.from({ length: batch }, () => image));
}

/** Uniform in [0, 1). */
function noise(batch: number, [h, w]: readonly [number, number]): Float32Tensor {
  const random = seededRandom(0);
  const data = new Float32Array(batch * 3 * h * w);
  for (let i = 0; i < data.length; i++) data[i] = random();
  return tensor("float32", [batch, 3, h, w], data);
}
