/**
 * Masks as segment/val.py of v7.0 compares them: predictions thresholded at the prototypes' resolution, labels drawn at
 * the input's and sampled down to it, IoU in float32.
 */

import { rleRectangles } from "../image/draw/mask.js";
import type { Size } from "../yolov5/output/boxes.js";
import type { Prototypes } from "../yolov5/output/masks/masks.js";
import { type BinaryMask, decodeRle, maskArea, type Rle, rleToMask } from "../yolov5/output/masks/rle.js";
import type { Candidate } from "../yolov5/output/nms/nms.js";
import type { GroundTruth, Polygon } from "./dataset/types.js";
import { fillPolygon } from "./fillPolygon.js";
import type { Placement } from "./targets.js";

/** First whole coordinate ≥ `edge`, within [0, size]. */
function firstInside(edge: number, size: number): number {
  return Math.min(Math.max(Math.ceil(Math.fround(edge)), 0), size);
}

/** sigmoid(coefficients · prototypes) > 0.5 inside each box, at the prototypes' resolution. */
export function predictedMasks(protos: Prototypes, candidates: readonly Candidate[], input: Size): BinaryMask[] {
  const { width, height, data } = protos;
  const plane = width * height;
  const sx = Math.fround(width / input[1]);
  const sy = Math.fround(height / input[0]);
  return candidates.map(({ x1, y1, x2, y2, coefficients = new Float32Array(0) }) => {
    const window = {
      x0: firstInside(x1 * sx, width),
      y0: firstInside(y1 * sy, height),
      x1: firstInside(x2 * sx, width),
      y1: firstInside(y2 * sy, height),
    };
    const columns = Math.max(window.x1 - window.x0, 0);
    const rows = Math.max(window.y1 - window.y0, 0);
    const bits = new Uint8Array(columns * rows);
    for (let y = 0, to = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, to++) {
        let sum = 0;
        let at = (window.y0 + y) * width + window.x0 + x;
        for (let c = 0; c < coefficients.length; c++, at += plane) sum += coefficients[c] * data[at];
        // The sigmoid is above 0.5 exactly where its argument is above 0.
        if (sum > 0) bits[to] = 1;
      }
    }
    return { width, height, ...window, x1: window.x0 + columns, y1: window.y0 + rows, data: bits };
  });
}

/** Labels drawn in the input's pixels and sampled down to `size`; objects without a mask or an outline are their boxes. */
export function labelMasks(truth: GroundTruth, placement: Placement, size: Size): BinaryMask[] {
  return truth.polygons.map((parts, i) => {
    const mask = truth.masks?.[i];
    if (mask) return windowOf(sampleDown(maskInInput(mask, placement), placement.input, size), size);
    const outlines = parts.length > 0 ? parts : [cornersOf(truth.boxes.subarray(4 * i, 4 * i + 4))];
    const [height, width] = placement.input;
    const bitmap = { width, height, data: new Uint8Array(width * height) };
    for (const outline of outlines) fillPolygon(bitmap, inInput(outline, placement));
    return { ...windowOf(sampleDown(bitmap.data, placement.input, size), size) };
  });
}

/** Each pixel of the input is the one of the mask that its centre lies on. */
function maskInInput(mask: Rle, { loaded, scaleBack, input: [rows, columns] }: Placement): Uint8Array {
  const data = new Uint8Array(rows * columns);
  const rectangles = rleRectangles(mask);
  const first = (edge: number, side: number, size: number, pad: number, most: number): number =>
    firstInside((edge / size) * side + pad - 0.5, most);
  for (let i = 0; i < rectangles.length; i += 4) {
    const [x0, x1] = [rectangles[i], rectangles[i + 2]].map((x) =>
      first(x, loaded[1], mask.size[1], scaleBack.padX, columns),
    );
    const [y0, y1] = [rectangles[i + 1], rectangles[i + 3]].map((y) =>
      first(y, loaded[0], mask.size[0], scaleBack.padY, rows),
    );
    for (let y = y0; y < y1; y++) data.fill(1, y * columns + x0, y * columns + x1);
  }
  return data;
}

/**
 * Labels in pixels of the picture, as `detect` writes masks: outlines filled through the nearest pixels.
 * @param size of the picture.
 */
export function labelMasksInPicture(truth: GroundTruth, size: Size): BinaryMask[] {
  const [height, width] = size;
  return truth.polygons.map((parts, i) => {
    const mask = truth.masks?.[i];
    if (mask) return rleToMask(mask);
    const outlines = parts.length > 0 ? parts : [cornersOf(truth.boxes.subarray(4 * i, 4 * i + 4))];
    const bitmap = { width, height, data: new Uint8Array(width * height) };
    for (const outline of outlines) {
      const points = Int32Array.from(outline, (value, k) => Math.round(value * (k % 2 === 0 ? width : height)));
      fillPolygon(bitmap, points);
    }
    return windowOf(bitmap.data, size);
  });
}

/** Whole pixels of the input; truncated, not rounded. */
function inInput(polygon: Polygon, { loaded, scaleBack }: Placement): Int32Array {
  const { fround } = Math;
  return Int32Array.from(polygon, (value, i) => {
    const [side, pad] = i % 2 === 0 ? [loaded[1], scaleBack.padX] : [loaded[0], scaleBack.padY];
    return Math.trunc(fround(fround(side * value) + fround(pad)));
  });
}

function cornersOf([x, y, w, h]: Float32Array): Polygon {
  const [x1, y1, x2, y2] = [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
  return Float32Array.of(x1, y1, x2, y1, x2, y2, x1, y2);
}

/** Resizes a bitmap: bilinear with half-pixel centres, without antialiasing, > 0.5. */
export function sampleDown(bitmap: Uint8Array, from: Size, to: Size): Uint8Array {
  const out = new Uint8Array(to[0] * to[1]);
  const columns = sampling(from[1], to[1]);
  const rows = sampling(from[0], to[0]);
  for (const [y, row] of rows.entries()) {
    const upper = row.low * from[1];
    const lower = row.high * from[1];
    for (const [x, column] of columns.entries()) {
      const top = bitmap[upper + column.low] * (1 - column.weight) + bitmap[upper + column.high] * column.weight;
      const bottom = bitmap[lower + column.low] * (1 - column.weight) + bitmap[lower + column.high] * column.weight;
      if (top * (1 - row.weight) + bottom * row.weight > 0.5) out[y * to[1] + x] = 1;
    }
  }
  return out;
}

function sampling(from: number, to: number) {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max((from / to) * (i + 0.5) - 0.5, 0);
    const low = Math.min(Math.floor(position), from - 1);
    return { low, high: Math.min(low + 1, from - 1), weight: position - low };
  });
}

/** A mask of the picture sampled down to `size`, as labels are. */
export function sampledMask(mask: Rle, size: Size): BinaryMask {
  return windowOf(sampleDown(decodeRle(mask), mask.size, size), size);
}

/** The bounding rectangle of a bitmap's set pixels. */
function windowOf(bitmap: Uint8Array, [height, width]: Size): BinaryMask {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (bitmap[at] === 0) continue;
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x + 1);
      y0 = Math.min(y0, y);
      y1 = y + 1;
    }
  }
  if (x1 <= x0) return { width, height, x0: 0, y0: 0, x1: 0, y1: 0, data: new Uint8Array(0) };
  const data = new Uint8Array((x1 - x0) * (y1 - y0));
  for (let y = y0; y < y1; y++) data.set(bitmap.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
  return { width, height, x0, y0, x1, y1, data };
}

interface ClassedMasks {
  readonly masks: readonly BinaryMask[];
  readonly classes: ArrayLike<number>;
}

/** IoU of every label with every detection of its class, row-major [labels, detections]; 0 for other classes. */
export function maskIou(labels: ClassedMasks, detections: ClassedMasks): Float32Array {
  const { fround } = Math;
  const iou = new Float32Array(labels.masks.length * detections.masks.length);
  const areas = detections.masks.map(maskArea);
  for (const [l, label] of labels.masks.entries()) {
    const own = maskArea(label);
    for (const [d, detection] of detections.masks.entries()) {
      if (labels.classes[l] !== detections.classes[d]) continue;
      const inter = intersection(label, detection);
      iou[l * detections.masks.length + d] = inter / fround(own + areas[d] - inter + 1e-7);
    }
  }
  return iou;
}

function intersection(a: BinaryMask, b: BinaryMask): number {
  const [left, right] = [Math.max(a.x0, b.x0), Math.min(a.x1, b.x1)];
  let count = 0;
  for (let y = Math.max(a.y0, b.y0); y < Math.min(a.y1, b.y1); y++) {
    const rowA = (y - a.y0) * (a.x1 - a.x0) - a.x0;
    const rowB = (y - b.y0) * (b.x1 - b.x0) - b.x0;
    for (let x = left; x < right; x++) count += a.data[rowA + x] & b.data[rowB + x];
  }
  return count;
}
