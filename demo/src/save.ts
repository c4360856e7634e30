/** Saves results: JSON to the clipboard, the drawn picture, label files. */

import { classificationLines, detectionLines, type Result, segmentationLines } from "yolov5-ts";
import { create } from "./dom.js";

export function download(blob: Blob, name: string): void {
  const href = URL.createObjectURL(blob);
  create("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** In the format of `--save-txt --save-conf`. */
export function labelText(result: Result): string {
  const lines =
    result.task === "classify"
      ? classificationLines(result)
      : result.task === "segment"
        ? segmentationLines(result, true)
        : detectionLines(result, true);
  return lines.map((line) => `${line}\n`).join("");
}

export function json(result: Result): string {
  return JSON.stringify(result, null, 2);
}
