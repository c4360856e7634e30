/** A note for a model that runs at an input size other than the one it was made for: it may find much less. */

import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import { checkImageSize } from "../../yolov5/options.js";
import type { Size } from "../../yolov5/output/boxes.js";
import type { Output } from "../output.js";
import { heightWidth } from "./values.js";

/** `320`, or `384 640`, in the format of `--imgsz`. */
const sizeText = ([h, w]: Size): string => (h === w ? `${h}` : `${h} ${w}`);

/** Where the file's size comes from. */
export function sizeOrigin({ notes, format }: Pick<ModelInfo, "notes" | "format">): string {
  if (notes.int8 !== undefined) return "calibrated for";
  return format === "onnx" ? "exported for" : "trained at";
}

/**
 * [height, width] of the network's full input: rounded to multiples of the stride, with a note if that changes them.
 */
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
    // With a letterbox only the longer side matters.
    if (Math.max(...own) === Math.max(...used)) continue;
    output.line(
      `note: ${path} was ${sizeOrigin(info)} ${sizeText(imgsz)}, this run uses ${sizeText(used)}; --imgsz ${sizeText(imgsz)} may find more`,
    );
  }
}
