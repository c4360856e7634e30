/** Options that have no effect on a model's task. */

import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import type { DetectFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import { labelFormats } from "./labels/labelFlags.js";

export function tellIgnored(flags: DetectFlags, task: Task, output: Output): void {
  if (flags.augment && task !== "detect") output.warn("--augment applies to detection models only; ignored");
  if (flags.track && task === "classify") output.warn("--track needs boxes; ignored for classification");
  if (flags.saveCrop && task === "classify") output.warn("--save-crop needs boxes; ignored for classification");
  if (labelFormats(flags).length > 0 && task === "classify") output.warn("labels for tools need boxes; not written");
}
