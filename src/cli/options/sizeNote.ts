/** One line where a model runs at another input size than the one it was made for: it may find much less. */

import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import { checkImageSize } from "../../yolov5/options.js";
import type { Size } from "../../yolov5/output/boxes.js";
import type { Output } from "../output.js";
import { heightWidth } from "./values.js";

/** `320`, or `384 640` as `--imgsz` takes it. */
export const sizeText = ([h, w]: Size): string => (h === w ? `${h}` : `${h} ${w}`);

/** How the file came to that size. */
export const sizeOrigin = ({ notes }: Pick<ModelInfo, "notes">): string =>
  notes.int8 === undefined ? "trained at" : "calibrated for";

/** [height, width] of the network's input where the whole of it is used: multiples of the stride, told where they were none. */
export function inputSize(
  { defaultImgsz, stride, task }: ModelInfo,
  { imgsz }: { readonly imgsz?: readonly number[] | undefined },
  onWarning: (text: string) => void = () => undefined,
): Size {
  const wanted = heightWidth(imgsz) ?? defaultImgsz;
  return task === "classify" ? wanted : checkImageSize(wanted, stride, onWarning);
}

/** @param used [height, width] of this run, rounded to the stride. */
export function noteSize(infos: readonly ModelInfo[], used: Size, output: Output): void {
  for (const info of infos) {
    const { imgsz, path, stride, task } = info;
    if (!imgsz) continue;
    const own = task === "classify" ? imgsz : checkImageSize(imgsz, stride, () => undefined);
    // Of the letterbox the longer side counts.
    if (Math.max(...own) === Math.max(...used)) continue;
    output.line(
      `note: ${path} was ${sizeOrigin(info)} ${sizeText(imgsz)}, this run uses ${sizeText(used)}; --imgsz ${sizeText(imgsz)} may find more`,
    );
  }
}
