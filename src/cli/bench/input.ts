/** Input tensors of benches: a picture or seeded noise, never zeros, whose timings would lie. */

import type { RgbImage } from "../../image/index.js";
import { type Float32Tensor, seededRandom, tensor } from "../../tensor/index.js";
import { classifyTransform } from "../../yolov5/classifyTransform.js";
import { letterbox, toTensor } from "../../yolov5/letterbox.js";
import type { Task } from "../../yolov5/modelInfo.js";

export interface InputOptions {
  readonly task: Task;
  readonly imgsz: readonly [number, number];
  readonly stride: number;
  readonly batch: number;
  readonly picture?: RgbImage | undefined;
}

/** [N, 3, H, W], the same picture N times. */
export function benchInput({ task, imgsz, stride, batch, picture }: InputOptions): Float32Tensor {
  if (!picture) return noise(batch, imgsz);
  if (task === "classify") {
    const fitted = classifyTransform.crop(picture, imgsz[0]);
    return classifyTransform.toTensor(Array.from({ length: batch }, () => fitted));
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
