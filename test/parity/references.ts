/** PyTorch's recorded answers: which checkpoint and pictures each reference belongs to, and comparing boxes with them. */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Detection, DetectOptions } from "../../src/common.js";
import type { HostTensor } from "../../src/tensor/index.js";
import type { ModelInfo } from "../../src/yolov5/checkpoint/modelInfo.js";
import { type Size, scaleBackGeometry, scaleBox } from "../../src/yolov5/output/boxes.js";
import { REFERENCE } from "../support/reference.js";

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

/** Scores that the references, rounded to six decimals, record as 1. */
const SATURATED = 1 - 5e-7;

/** What a comparison with a network of random weights found. */
export interface RoundingReport {
  /** Boxes of the reference that no prediction row explains: real differences. */
  readonly unexplained: readonly string[];
  /** Boxes that are there with the same numbers, but lost or won a near-tie (best class, threshold, IoU). */
  readonly flipped: number;
  /** Boxes that tie with others at exactly 1, whose order PyTorch leaves open, and with it which of them are cut off. */
  readonly tied: number;
  readonly boxes: number;
}

/**
 * Networks of random weights amplify float32 rounding (PyTorch's own float32 differs from float64 by as much) and give
 * many classes nearly equal scores, so that a last bit decides which of two classes or boxes wins. This comparison
 * accepts such flips, but only where the raw prediction holds the very box: coordinates within a thousandth of its
 * size, or of the distance that a head without anchors predicts, the score of its class within 1e-3. How many there are is for the caller to bound.
 * @param prediction all rows, before an end-to-end head picks some
 */
export function differencesBeyondRounding(
  actual: readonly Detection[],
  expected: readonly ReferenceDetection[],
  prediction: HostTensor,
  original: { readonly width: number; readonly height: number },
  input: readonly number[],
  { family, endToEnd, strides }: Pick<ModelInfo, "family" | "endToEnd" | "strides">,
): RoundingReport {
  const unexplained: string[] = [];
  let flipped = 0;
  let tied = 0;
  const [from, to] = [[input[2], input[3]] as const, [original.height, original.width] as const];
  const geometry = scaleBackGeometry(from, to, family);
  const unused = new Set(actual.keys());
  const [, rows, columns] = prediction.shape;
  const data = prediction.data as Float32Array;
  const near = (a: number, b: number, size: number): boolean => Math.abs(a - b) <= BOX_TOLERANCE + 1e-3 * size;
  const sameNumbers = (box: readonly number[], wanted: ReferenceDetection, reach = 0): boolean => {
    const [x1, y1, x2, y2] = wanted.box;
    const size = Math.max(x2 - x1, y2 - y1, reach);
    return box.every((value, i) => near(value, wanted.box[i], size));
  };
  for (const wanted of expected) {
    const at = [...unused].find((i) => {
      const { xmin, ymin, xmax, ymax, confidence } = actual[i];
      return (
        actual[i].class === wanted.cls &&
        Math.abs(confidence - wanted.score) <= SCORE_TOLERANCE &&
        sameNumbers([xmin, ymin, xmax, ymax], wanted)
      );
    });
    if (at !== undefined) {
      unused.delete(at);
      continue;
    }
    let explained = false;
    for (let row = 0; row < rows && !explained; row++) {
      const start = row * columns;
      const score = family === "yolov5" ? data[start + 4] * data[start + 5 + wanted.cls] : data[start + 4 + wanted.cls];
      if (Math.abs(score - wanted.score) > 5 * SCORE_TOLERANCE) continue;
      const [x, y, w, h] = data.subarray(start, start + 4);
      const corners = endToEnd ? ([x, y, w, h] as const) : ([x - w / 2, y - h / 2, x + w / 2, y + h / 2] as const);
      // Heads without anchors predict the distances to the sides, which in untrained ones may put a side beyond its opposite.
      const reach = family === "yolov5" ? 0 : farthest(corners, cellCentre(row, from, strides)) / geometry.gain;
      explained = sameNumbers(scaleBox(corners, from, to, geometry), wanted, reach);
    }
    if (explained && wanted.score >= SATURATED) tied++;
    else if (explained) flipped++;
    else unexplained.push(`${wanted.name} ${wanted.score} [${wanted.box}]`);
  }
  const tiedInstead = [...unused].filter((i) => actual[i].confidence >= SATURATED).length;
  return { unexplained, tied, flipped: Math.max(flipped, unused.size - tiedInstead), boxes: expected.length };
}

/** Centre of the cell that a row of a head without anchors belongs to, in input pixels. */
function cellCentre(row: number, [height, width]: Size, strides: readonly number[]): readonly [x: number, y: number] {
  let rest = row;
  for (const stride of strides) {
    const [rows, columns] = [height / stride, width / stride];
    if (rest < rows * columns) {
      return [((rest % columns) + 0.5) * stride, (Math.floor(rest / columns) + 0.5) * stride];
    }
    rest -= rows * columns;
  }
  throw new Error(`row ${row} is beyond the cells of ${height}×${width}`);
}

function farthest(corners: readonly number[], centre: readonly [x: number, y: number]): number {
  return Math.max(...corners.map((value, i) => Math.abs(value - centre[i % 2])));
}
