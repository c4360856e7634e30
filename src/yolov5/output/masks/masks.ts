/**
 * Instance masks from prototypes and coefficients. Two variants from v7.0: `processMask` (crop at prototype scale,
 * upsample to the network's input, threshold) followed by `scaleMask` to the original picture, and
 * `processMaskNative` (`--retina-masks`: upsample straight to the original, then crop). Only the pixels around a box
 * are computed.
 */

import { ShapeError } from "../../../errors.js";
import { formatShape, type HostTensor, toFloat32 } from "../../../tensor/index.js";
import type { Family } from "../../graph/heads.js";
import { roundHalfEven, type ScaleBack, type Size, scaleBackGeometry } from "../boxes.js";
import type { BinaryMask } from "./rle.js";

/** Prototypes of one image, NCHW without N. */
export interface Prototypes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/**
 * How masks at the size of the network's input are cropped. `yolov5`: as v7.0 does. The newer package compares the products of
 * coefficients and prototypes with 0, where their sigmoid would be a half; of fewer than 50 boxes in a picture (`few`) it cuts
 * at the nearest whole column, of `many` where v7.0 does.
 */
export type MaskStyle = "yolov5" | "few" | "many";

/** The style for all masks of one picture. */
export function maskStyle(family: Family, boxes: number): MaskStyle {
  if (family === "yolov5") return "yolov5";
  return boxes < 50 ? "few" : "many";
}

/** xyxy. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** The prototypes of image `n` of the network's output `[N, 32, H/4, W/4]` (a view, not a copy, of float32 data). */
export function prototypesOf(proto: HostTensor, n = 0): Prototypes {
  const { shape } = proto;
  if (shape.length !== 4 || n >= shape[0]) {
    throw new ShapeError(`masks: prototypes must be [N, C, H, W] with image ${n}, not ${formatShape(shape)}`, {
      shape,
    });
  }
  const [, channels, height, width] = shape;
  const size = channels * height * width;
  return { channels, height, width, data: toFloat32(proto).data.subarray(n * size, (n + 1) * size) };
}

/**
 * The mask of one box at the size of the network's input: sigmoid(coefficients · prototypes), 0 outside the box (columns
 * ≥ x1 and < x2 at prototype scale), bilinear with half-pixel centres to `input`, > 0.5.
 * @param box in pixels of the network's input, not clipped.
 * @param input `[height, width]` of the network's input.
 */
export function processMask(
  protos: Prototypes,
  coefficients: Float32Array,
  box: Box,
  input: Size,
  style: MaskStyle = "yolov5",
): BinaryMask {
  const sx = Math.fround(protos.width / input[1]);
  const sy = Math.fround(protos.height / input[0]);
  const edge = style === "few" ? nearestInside : firstInside;
  const inside = {
    x0: edge(Math.fround(box[0] * sx), protos.width),
    x1: edge(Math.fround(box[2] * sx), protos.width),
    y0: edge(Math.fround(box[1] * sy), protos.height),
    y1: edge(Math.fround(box[3] * sy), protos.height),
  };
  const plane = activate(protos, coefficients, inside, style === "yolov5");
  return resample(plane, inside, [protos.height, protos.width], input, style === "yolov5" ? HALF : 0);
}

/**
 * `processMask` at the original picture's size: prototypes without the letterbox's padding, bilinear to `original`,
 * cropped to the box, > 0.5.
 * @param box in pixels of the original, clipped and rounded as v7.0 does before it crops.
 */
export function processMaskNative(
  protos: Prototypes,
  coefficients: Float32Array,
  box: Box,
  original: Size,
  family: Family = "yolov5",
): BinaryMask {
  const view = unpadded([protos.height, protos.width], original, { family });
  const crop = {
    x0: firstInside(box[0], original[1]),
    x1: firstInside(box[2], original[1]),
    y0: firstInside(box[1], original[0]),
    y1: firstInside(box[3], original[0]),
  };
  // Prototype pixels that the crop can touch.
  const touched = {
    x0: Math.max(view.x0, view.x0 + sourceIndex(crop.x0, view.x1 - view.x0, original[1])),
    x1: Math.min(view.x1, view.x0 + sourceIndex(crop.x1, view.x1 - view.x0, original[1]) + 2),
    y0: Math.max(view.y0, view.y0 + sourceIndex(crop.y0, view.y1 - view.y0, original[0])),
    y1: Math.min(view.y1, view.y0 + sourceIndex(crop.y1, view.y1 - view.y0, original[0]) + 2),
  };
  const plane = activate(protos, coefficients, touched, family === "yolov5");
  return interpolate(
    plane,
    protos.width,
    view,
    torchRatio(view, original),
    crop,
    original,
    family === "yolov5" ? HALF : 0,
  );
}

/**
 * Maps a mask from the network's input size to the original: crops the padding, bilinear with half-pixel centres, >
 * 0.5 (v7.0's `scale_image`).
 * @param placement the letterbox's actual padding, as used by `val`. Default: recomputed from the two sizes.
 */
export function scaleMask(mask: BinaryMask, original: Size, placement: ScaleBack | Whose = {}): BinaryMask {
  const view = unpadded([mask.height, mask.width], original, placement);
  const plane = new Float32Array(mask.width * mask.height);
  const w = mask.x1 - mask.x0;
  for (let y = mask.y0; y < mask.y1; y++) {
    for (let x = mask.x0; x < mask.x1; x++) plane[y * mask.width + x] = mask.data[(y - mask.y0) * w + x - mask.x0];
  }
  const ratio = { x: (view.x1 - view.x0) / original[1], y: (view.y1 - view.y0) / original[0] };
  return interpolate(plane, mask.width, view, ratio, reach(mask, view, original), original, HALF);
}

/** Of probabilities and of masks that are enlarged. */
const HALF = 0.5;

/** `[x0, x1)` × `[y0, y1)`. */
interface Rectangle {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** First whole coordinate ≥ `edge`, within [0, size]. */
function firstInside(edge: number, size: number): number {
  return Math.min(Math.max(Math.ceil(edge), 0), size);
}

/** Nearest whole coordinate, within [0, size]. */
function nearestInside(edge: number, size: number): number {
  return Math.min(Math.max(roundHalfEven(edge), 0), size);
}

/** Whose way of finding the picture in a letterboxed plane; default YOLOv5's. */
interface Whose {
  readonly family?: Family | undefined;
}

/** The part of a letterboxed plane that shows the picture; Python's `int()` truncates. */
function unpadded(plane: Size, original: Size, placement: ScaleBack | Whose): Rectangle {
  if (!("gain" in placement) && placement.family === "ultralytics") return unpaddedWhole(plane, original);
  const { padX, padY } = "gain" in placement ? placement : scaleBackGeometry(plane, original);
  return {
    x0: Math.trunc(padX),
    y0: Math.trunc(padY),
    x1: Math.max(Math.trunc(plane[1] - padX), Math.trunc(padX) + 1),
    y1: Math.max(Math.trunc(plane[0] - padY), Math.trunc(padY) + 1),
  };
}

/** The same in whole pixels, as the newer package's letterbox pads. */
function unpaddedWhole(plane: Size, original: Size): Rectangle {
  const gain = Math.min(plane[0] / original[0], plane[1] / original[1]);
  const ends = (axis: 0 | 1): [number, number] => {
    const pad = (plane[axis] - roundHalfEven(original[axis] * gain)) / 2;
    const from = roundHalfEven(pad - 0.1);
    return [from, Math.max(plane[axis] - roundHalfEven(pad + 0.1), from + 1)];
  };
  const [[y0, y1], [x0, x1]] = [ends(0), ends(1)];
  return { x0, y0, x1, y1 };
}

/** sigmoid(coefficients · prototypes), or the product alone, inside a rectangle of a plane of prototype size, 0 elsewhere. */
function activate(protos: Prototypes, coefficients: Float32Array, inside: Rectangle, sigmoid: boolean): Float32Array {
  if (coefficients.length !== protos.channels) {
    throw new ShapeError(`masks: ${coefficients.length} mask coefficients do not match ${protos.channels} prototypes`, {
      coefficients: coefficients.length,
      prototypes: protos.channels,
    });
  }
  const { width, data } = protos;
  const size = width * protos.height;
  const plane = new Float32Array(size);
  for (let y = inside.y0; y < inside.y1; y++) {
    for (let x = inside.x0; x < inside.x1; x++) {
      let sum = 0;
      for (let c = 0, at = y * width + x; c < coefficients.length; c++, at += size) sum += coefficients[c] * data[at];
      plane[y * width + x] = sigmoid ? 1 / (1 + Math.exp(-sum)) : sum;
    }
  }
  return plane;
}

/** A plane that is 0 outside `inside`, bilinear to `output`, > `threshold`. */
function resample(plane: Float32Array, inside: Rectangle, size: Size, output: Size, threshold: number): BinaryMask {
  const view = { x0: 0, y0: 0, x1: size[1], y1: size[0] };
  return interpolate(plane, size[1], view, torchRatio(view, output), reach(inside, view, output), output, threshold);
}

/** Output pixels whose bilinear neighbours can lie inside a rectangle of the source. */
function reach(inside: Rectangle, view: Rectangle, output: Size): Rectangle {
  const sx = output[1] / (view.x1 - view.x0);
  const sy = output[0] / (view.y1 - view.y0);
  const empty = inside.x0 >= inside.x1 || inside.y0 >= inside.y1;
  if (empty) return { x0: 0, y0: 0, x1: 0, y1: 0 };
  const clamp = (v: number, size: number) => Math.min(Math.max(v, 0), size);
  return {
    x0: clamp(Math.floor((inside.x0 - view.x0 - 1) * sx), output[1]),
    x1: clamp(Math.ceil((inside.x1 - view.x0 + 1) * sx), output[1]),
    y0: clamp(Math.floor((inside.y0 - view.y0 - 1) * sy), output[0]),
    y1: clamp(Math.ceil((inside.y1 - view.y0 + 1) * sy), output[0]),
  };
}

/** Lower bilinear neighbour of output pixel `i` (align_corners=False). */
function sourceIndex(i: number, source: number, output: number): number {
  return Math.floor(Math.max((source / output) * (i + 0.5) - 0.5, 0));
}

/**
 * Bilinear neighbours and weights of the output pixels [from, to) of one axis, as offsets into the plane.
 * @param ratio source pixels per output pixel.
 */
function axis(first: number, source: number, ratio: number, from: number, to: number) {
  const low = new Int32Array(to - from);
  const high = new Int32Array(to - from);
  const weight = new Float32Array(to - from);
  for (let i = from; i < to; i++) {
    const position = Math.max(ratio * (i + 0.5) - 0.5, 0);
    const lower = Math.min(Math.floor(position), source - 1);
    low[i - from] = first + lower;
    high[i - from] = first + Math.min(lower + 1, source - 1);
    weight[i - from] = position - lower;
  }
  return { low, high, weight };
}

/** Source pixels per output pixel. torch's CPU kernel holds it in float32 (positions are then double, measured). */
function torchRatio(view: Rectangle, output: Size): Ratio {
  return { x: Math.fround((view.x1 - view.x0) / output[1]), y: Math.fround((view.y1 - view.y0) / output[0]) };
}

interface Ratio {
  readonly x: number;
  readonly y: number;
}

/** Pixels of `region` of an output of size `output`, from the part `view` of a plane with rows of `stride`; > `threshold`. */
function interpolate(
  plane: Float32Array,
  stride: number,
  view: Rectangle,
  ratio: Ratio,
  region: Rectangle,
  output: Size,
  threshold: number,
): BinaryMask {
  const w = Math.max(region.x1 - region.x0, 0);
  const h = Math.max(region.y1 - region.y0, 0);
  const data = new Uint8Array(w * h);
  const columns = axis(view.x0, view.x1 - view.x0, ratio.x, region.x0, region.x0 + w);
  const rows = axis(view.y0, view.y1 - view.y0, ratio.y, region.y0, region.y0 + h);
  // Source rows interpolated along x; when enlarging, several output rows share the same two.
  let top = { row: -1, values: new Float64Array(w) };
  let bottom = { row: -1, values: new Float64Array(w) };
  const blend = (into: { row: number; values: Float64Array }, row: number) => {
    if (into.row === row) return;
    into.row = row;
    const at = row * stride;
    for (let x = 0; x < w; x++) {
      const fx = columns.weight[x];
      into.values[x] = plane[at + columns.low[x]] * (1 - fx) + plane[at + columns.high[x]] * fx;
    }
  };
  for (let y = 0; y < h; y++) {
    if (bottom.row === rows.low[y]) [top, bottom] = [bottom, top];
    blend(top, rows.low[y]);
    blend(bottom, rows.high[y]);
    const fy = rows.weight[y];
    const upper = top.values;
    const lower = bottom.values;
    for (let x = 0, to = y * w; x < w; x++, to++) data[to] = upper[x] * (1 - fy) + lower[x] * fy > threshold ? 1 : 0;
  }
  return {
    height: output[0],
    width: output[1],
    ...{ x0: region.x0, y0: region.y0, x1: region.x0 + w, y1: region.y0 + h },
    data,
  };
}
