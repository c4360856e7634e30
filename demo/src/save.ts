/** Saves results: JSON to the clipboard, the drawn picture, label files. */

import { classificationLines, detectionLines, poseLines, type Result, segmentationLines } from "yolov5-ts";
import { create } from "./dom.js";

export function download(blob: Blob, name: string): void {
  const href = URL.createObjectURL(blob);
  create("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** In the format of `--save-txt --save-conf`. */
export function labelText(result: Result): string {
  return linesOf(result)
    .map((line) => `${line}\n`)
    .join("");
}

function linesOf(result: Result): string[] {
  if (result.task === "classify") return classificationLines(result);
  if (result.task === "segment") return segmentationLines(result, true);
  return result.task === "pose" ? poseLines(result, true) : detectionLines(result, true);
}

export function json(result: Result): string {
  return JSON.stringify(result, null, 2);
}
