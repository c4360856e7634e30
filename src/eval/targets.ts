/**
 * Labels and detections in pixels of the original picture, with `val.py`'s float32 steps: labels are mapped into the
 * padded input, clipped there and mapped back, as the detections are.
 */

import type { ValidationImage } from "../yolov5/input/letterboxVariants.js";
import { type ScaleBack, type Size, scaleBox } from "../yolov5/output/boxes.js";
import type { Candidate } from "../yolov5/output/nms/nms.js";

/** The placement of a picture in the network's input. */
export interface Placement extends Pick<ValidationImage, "scaleBack" | "loaded"> {
  /** The network's input. */
  readonly input: Size;
  readonly original: Size;
}

/** Labels are clipped to this distance from the input's right and bottom border. */
const BORDER = 1e-3;

/**
 * @param boxes centre x, centre y, width, height of each label, divided by the picture's size.
 * @returns xyxy rows in pixels of the original.
 */
export function labelBoxesInPixels(boxes: Float32Array, placement: Placement): Float32Array {
  const { scaleBack, loaded, input, original } = placement;
  const out = new Float32Array(boxes.length);
  for (let at = 0; at < boxes.length; at += 4) {
    const [left, right] = throughInput(boxes[at], boxes[at + 2], loaded[1], scaleBack.padX, input[1]);
    const [top, bottom] = throughInput(boxes[at + 1], boxes[at + 3], loaded[0], scaleBack.padY, input[0]);
    out.set(scaleBox([left, top, right, bottom], input, original, scaleBack), at);
  }
  return out;
}

/** One axis: normalised centre and size → ends in the input, clipped, as centre and size of the input, and ends again. */
function throughInput(centre: number, size: number, loaded: number, pad: number, input: number): [number, number] {
  const { fround } = Math;
  const half = fround(size / 2);
  const limit = fround(input - BORDER);
  const end = (value: number): number => Math.min(Math.max(fround(fround(loaded * value) + fround(pad)), 0), limit);
  const low = end(fround(centre - half));
  const high = end(fround(centre + half));
  const middle = fround(fround(fround(fround(low + high) / 2) / input) * input);
  const length = fround(fround(fround(high - low) / input) * input);
  return [fround(middle - fround(length / 2)), fround(middle + fround(length / 2))];
}

/** Detections as columns, in pixels of the original picture, most confident first. */
export interface DetectionColumns {
  /** xyxy rows, clipped to the picture. */
  readonly boxes: Float32Array;
  readonly confidences: Float32Array;
  readonly classes: Int32Array;
}

export function detectionsInPixels(candidates: readonly Candidate[], placement: Placement): DetectionColumns {
  const { scaleBack, input, original }: { scaleBack: ScaleBack; input: Size; original: Size } = placement;
  const boxes = new Float32Array(candidates.length * 4);
  for (const [i, { x1, y1, x2, y2 }] of candidates.entries()) {
    boxes.set(scaleBox([x1, y1, x2, y2], input, original, scaleBack), 4 * i);
  }
  return {
    boxes,
    confidences: Float32Array.from(candidates, ({ confidence }) => confidence),
    classes: Int32Array.from(candidates, ({ classIndex }) => classIndex),
  };
}
