/** Saves results: JSON to the clipboard, the drawn picture, label files. */

import { classificationLines, detectionLines, poseLines, type Result, segmentationLines } from "yolov5-ts";
import { button, create } from "./dom.js";

const COPIED_MS = 1500;

/**
 * Copies a text to the clipboard and says so on the button that asked for it.
 * @returns false where the page may not.
 */
export async function copyText(id: string, text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  const asked = button(id);
  asked.dataset.label ??= asked.textContent ?? "";
  asked.textContent = "Copied";
  setTimeout(() => {
    asked.textContent = asked.dataset.label ?? "";
  }, COPIED_MS);
  return true;
}

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
