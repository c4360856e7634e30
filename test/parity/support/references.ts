/** PyTorch's recorded answers: which checkpoint and pictures each reference belongs to, and comparing boxes with them. */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Detection, DetectOptions } from "../../../src/common.js";
import { REFERENCE } from "../../support/reference.js";

export interface ReferenceDetection {
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly cls: number;
  readonly name: string;
  readonly mask_pixels_letterboxed?: number;
  /** x, y in pixels, rounded to thousandths, and visibility. */
  readonly keypoints?: readonly (readonly [number, number, number])[];
}

export interface ReferenceRun {
  readonly image: string;
  readonly size: number;
  readonly rect?: boolean;
  readonly conf?: number;
  readonly iou?: number;
  /** Recorded of the newer package, whose default it is. */
  readonly max_det?: number;
  readonly options?: { max_det?: number; agnostic?: boolean; multi_label?: boolean; augment?: boolean };
  readonly letterboxed_sha256?: string;
  readonly detections?: readonly ReferenceDetection[];
  readonly top5?: readonly { readonly cls: number; readonly name: string; readonly prob: number }[];
}

export interface ReferenceFile {
  readonly model: Readonly<Record<string, unknown>>;
  readonly runs: readonly ReferenceRun[];
}

/** Path of the checkpoint that a reference belongs to. */
export function checkpointOf(name: string): string {
  if (name.startsWith("zoo-")) return join(REFERENCE, "weights", "zoo", `${name.slice(4)}.pt`);
  if (name.startsWith("format-")) return join(REFERENCE, "weights", "formats", `${name.slice(7)}.pt`);
  return join(REFERENCE, "weights", `${name}.pt`);
}

export function readReference(name: string): ReferenceFile {
  return JSON.parse(readFileSync(join(REFERENCE, "reference", `${name}.json`), "utf8")) as ReferenceFile;
}

/** The picture that networks without anchors run by default: many boxes, few of which tie at 1. */
const PICTURE = "000000009590.jpg";
const PICTURES: Readonly<Record<string, string>> = {
  "anchor-free/11": "000000006763.jpg",
  "anchor-free/v8-pose": "000000002592.jpg",
};

/**
 * The recorded runs of a network that a test does: all, or those of one picture, which slow backends get in its small sizes where
 * networks without anchors find boxes in them.
 */
export function chosenRuns(
  name: string,
  { full, fast }: { readonly full: boolean; readonly fast: boolean },
): readonly ReferenceRun[] {
  const { runs } = readReference(name);
  if (full) return runs;
  const anchorFree = name.startsWith("anchor-free/");
  const picture = anchorFree ? (PICTURES[name] ?? PICTURE) : runs[0].image;
  const chosen = runs.filter(({ image, detections }) => image === picture && (fast || detections?.length));
  const small = chosen.filter(({ size }) => size <= 320);
  return anchorFree && !fast && small.length > 0 ? small : chosen;
}

/** Where a picture of the reference material is, whatever its folder. */
export function pictureNamed(name: string): string {
  const images = join(REFERENCE, "images");
  for (const folder of readdirSync(images)) {
    for (const path of [join(images, folder, name), join(images, folder, "images", name)]) {
      if (existsSync(path)) return path;
    }
  }
  throw new Error(`the reference material has no picture ${basename(name)}`);
}

/** The options of `detect` that a recorded run was made with. */
export function optionsOf(run: ReferenceRun): DetectOptions {
  return {
    imgsz: run.size,
    conf: run.conf,
    iou: run.iou,
    square: run.rect === false,
    maxDet: run.options?.max_det,
    agnostic: run.options?.agnostic,
    multiLabel: run.options?.multi_label,
    augment: run.options?.augment,
  };
}

export function describeRun(run: ReferenceRun): string {
  const options = Object.entries(run.options ?? {}).map(([key, value]) => `${key}=${value}`);
  return [run.image, run.size, run.rect ? "rect" : "square", `conf=${run.conf}`, ...options].join(" ");
}

/** Largest differences that still count as PyTorch's boxes. */
export const BOX_TOLERANCE = 0.05;
export const SCORE_TOLERANCE = 2e-4;
/** Only boxes whose scores are closer than this may stand in another order. */
export const ORDER_TOLERANCE = 1e-4;

export function sameBox(actual: Detection, expected: ReferenceDetection): boolean {
  const box = [actual.xmin, actual.ymin, actual.xmax, actual.ymax];
  return (
    actual.class === expected.cls &&
    Math.abs(actual.confidence - expected.score) <= SCORE_TOLERANCE &&
    box.every((value, i) => Math.abs(value - expected.box[i]) <= BOX_TOLERANCE)
  );
}

/** What differs, as sentences; none where both are the same boxes in the same order (up to near-ties). */
export function differences(actual: readonly Detection[], expected: readonly ReferenceDetection[]): string[] {
  const found: string[] = [];
  if (actual.length !== expected.length) found.push(`${actual.length} boxes, PyTorch has ${expected.length}`);
  const unused = new Set(actual.keys());
  for (const [rank, wanted] of expected.entries()) {
    const at = [...unused].find((i) => sameBox(actual[i], wanted));
    if (at === undefined) {
      const near = actual[rank];
      found.push(
        `rank ${rank}: ${wanted.name} ${wanted.score} [${wanted.box}] is missing; there: ${near?.name} ${near?.confidence} ` +
          `[${near && [near.xmin, near.ymin, near.xmax, near.ymax]}]`,
      );
      continue;
    }
    unused.delete(at);
    if (at !== rank && Math.abs((expected[at]?.score ?? Number.NaN) - wanted.score) >= ORDER_TOLERANCE) {
      found.push(`rank ${rank}: ${wanted.name} ${wanted.score} stands at rank ${at}`);
    }
  }
  return found;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
