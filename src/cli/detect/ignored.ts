/** What a user may not know of the model: which options it has no use for, and what the embedded one looks for. */

import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import { UsageError } from "../errors.js";
import type { DetectFlags } from "../options/flags.js";
import { optionName } from "../options/unavailable.js";
import type { Output } from "../output.js";

/** @throws UsageError for results that there would be none of. */
export function tellIgnored(flags: DetectFlags, task: Task, output: Output): void {
  if (flags.augment && task !== "detect") output.warn("--augment applies to detection models only; ignored");
  if (flags.track && task === "classify") output.warn("--track needs boxes; ignored for classification");
  if (flags.saveCrop && task === "classify") output.warn("--save-crop needs boxes; ignored for classification");
  if (flags.retinaMasks && task !== "segment")
    output.warn("--retina-masks applies to segmentation models only; ignored");
  if (flags.blurShape === "mask" && task !== "segment") {
    output.warn("--blur-shape mask needs the outlines of a segmentation model; whole boxes are hidden");
  }
  const labels = (["saveCoco", "saveVoc", "saveCvat", "saveLabelstudio"] as const).find((name) => flags[name]);
  if (labels !== undefined && task === "classify") {
    throw new UsageError(
      `${optionName(labels)} needs boxes, and a classification model finds none; --save-txt writes its classes`,
    );
  }
}

/** Where nothing was found: a user who gave pictures but no model may not know what the default model looks for. */
export function noteEmbedded({ weights, source }: DetectFlags, names: readonly string[], output: Output): void {
  if (weights !== undefined || source === undefined) return;
  output.line(
    `note: without --weights the embedded model runs, which knows only ${names.join(", ")}; for other objects choose a model, for example --weights yolov5n`,
  );
}
