/** Hints about the model: options that it ignores, and the classes of the embedded model. */

import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import { UsageError } from "../errors.js";
import type { DetectFlags } from "../options/flags.js";
import { optionName } from "../options/unavailable.js";
import type { Output } from "../output.js";

/** @throws UsageError for kinds of results that the model cannot give. */
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

/** Used if nothing was found: a user who gave pictures but no model may not know the classes of the default model. */
export function noteEmbedded({ weights, source }: DetectFlags, names: readonly string[], output: Output): void {
  if (weights !== undefined || source === undefined) return;
  output.line(
    `note: without --weights the embedded model runs, which knows only ${names.join(", ")}; for other objects choose a model, for example --weights yolov5n`,
  );
}
