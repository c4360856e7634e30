/**
 * Pictures as training sees them: scaled, cropped, mirrored, with other colours, four in one. Everything follows from a seed and
 * the number of the step, so that a run that goes on gives what an undisturbed one does.
 */

import type { GroundTruth } from "../../eval/dataset/types.js";
import { type RgbImage, resizeLinear } from "../../image/index.js";
import type { PlacedObjects } from "./labelLoss.js";

/** A picture to train on; its labels where they are used. */
export interface LabelledPicture {
  readonly image: RgbImage;
  readonly truth?: GroundTruth | undefined;
}

/** Grey of what no picture covers. */
const GREY = 114;
/** How often four pictures are put into one. */
const MOSAICS = 0.5;
/** Sizes of pictures, as shares of what they have in the network; those in a mosaic are smaller by a factor. */
const SCALES = [0.5, 1.3] as const;
const MOSAIC_SCALE = 0.75;
/** Largest logarithm of how much wider and lower a picture gets, or the opposite. */
const STRETCH = 0.15;
/** Objects of which less is left inside, as a share of their area or in pixels, are no longer objects. */
const LEAST_VISIBLE = 0.1;
const LEAST_PIXELS = 2;
/** Largest changes of hue (turns), saturation and brightness (shares). */
const HSV = [0.015, 0.5, 0.3] as const;

/**
 * One input of size × size: 3 planes of numbers from 0 to 1, written into `target`.
 * @param pick a picture by a number in [0, 1), not larger than it is in a network of `imgsz`
 * @returns the objects of labelled pictures, where they are now
 */
export async function augmented(
  target: Float32Array,
  size: number,
  random: () => number,
  pick: (at: number) => Promise<LabelledPicture>,
): Promise<PlacedObjects> {
  target.fill(GREY / 255);
  const objects: MutableObjects = { classes: [], boxes: [] };
  if (random() < MOSAICS) {
    const [x, y] = [0.3 + 0.4 * random(), 0.3 + 0.4 * random()].map((share) => Math.round(size * share));
    const parts = [
      [0, 0, x, y],
      [x, 0, size, y],
      [0, y, x, size],
      [x, y, size, size],
    ] as const;
    for (const part of parts) paste(target, size, await pick(random()), part, MOSAIC_SCALE, random, objects);
  } else {
    paste(target, size, await pick(random()), [0, 0, size, size], 1, random, objects);
  }
  return objects;
}

type Part = readonly [left: number, top: number, right: number, bottom: number];

/** Puts a random window of the scaled picture, perhaps mirrored, with other colours, into a part of the input; adds its objects. */
function paste(
  target: Float32Array,
  size: number,
  { image, truth }: LabelledPicture,
  part: Part,
  scale: number,
  random: () => number,
  objects: MutableObjects,
): void {
  const [left, top, right, bottom] = part;
  const [least, most] = SCALES.map(Math.log);
  const zoom = scale * Math.exp(least + (most - least) * random());
  const stretch = Math.exp(STRETCH * (2 * random() - 1));
  const [width, height] = [image.width * zoom * stretch, (image.height * zoom) / stretch].map((side) =>
    Math.max(8, Math.round(side)),
  );
  const scaled = resizeLinear(image, width, height);
  const mirrored = random() < 0.5;
  const colour = colourChange(random);
  const plane = size * size;
  const place = (room: number, side: number): number => Math.round((room - side) * random());
  const x0 = left + place(right - left, width);
  const y0 = top + place(bottom - top, height);
  for (let y = Math.max(top, y0); y < Math.min(bottom, y0 + height); y++) {
    const row = (y - y0) * width;
    for (let x = Math.max(left, x0); x < Math.min(right, x0 + width); x++) {
      const column = mirrored ? width - 1 - (x - x0) : x - x0;
      const from = (row + column) * 3;
      colour(scaled.data, from, target, y * size + x, plane);
    }
  }
  if (truth) addObjects(truth, { x0, y0, width, height, mirrored }, part, objects);
}

interface MutableObjects {
  readonly classes: number[];
  readonly boxes: PlacedObjects["boxes"][number][];
}

/** Where a picture lies, of which a part is seen. */
interface Placed {
  readonly x0: number;
  readonly y0: number;
  readonly width: number;
  readonly height: number;
  readonly mirrored: boolean;
}

function addObjects(
  { classes, boxes }: GroundTruth,
  { x0, y0, width, height, mirrored }: Placed,
  [left, top, right, bottom]: Part,
  objects: MutableObjects,
): void {
  for (const [i, own] of classes.entries()) {
    const [cx, cy, w, h] = boxes.subarray(4 * i, 4 * i + 4);
    const x = x0 + width * (mirrored ? 1 - cx : cx);
    const y = y0 + height * cy;
    const [halfWidth, halfHeight] = [(width * w) / 2, (height * h) / 2];
    const [x1, x2] = [Math.max(left, x - halfWidth), Math.min(right, x + halfWidth)];
    const [y1, y2] = [Math.max(top, y - halfHeight), Math.min(bottom, y + halfHeight)];
    if (x2 - x1 < LEAST_PIXELS || y2 - y1 < LEAST_PIXELS) continue;
    if ((x2 - x1) * (y2 - y1) < LEAST_VISIBLE * 4 * halfWidth * halfHeight) continue;
    objects.classes.push(own);
    objects.boxes.push([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]);
  }
}

/** A change of hue as a turn of the colour circle in YIQ, of saturation and of brightness. */
function colourChange(
  random: () => number,
): (from: Uint8Array, at: number, to: Float32Array, pixel: number, plane: number) => void {
  const [turn, saturation, brightness] = HSV.map((most, i) => (i === 0 ? 0 : 1) + most * (2 * random() - 1));
  const [c, s] = [Math.cos(2 * Math.PI * turn) * saturation, Math.sin(2 * Math.PI * turn) * saturation];
  const clamp = (v: number): number => Math.min(1, Math.max(0, v));
  return (from, at, to, pixel, plane) => {
    const [r, g, b] = [from[at], from[at + 1], from[at + 2]];
    const y = (0.299 * r + 0.587 * g + 0.114 * b) * (brightness / 255);
    const i = (0.596 * r - 0.274 * g - 0.322 * b) * (brightness / 255);
    const q = (0.211 * r - 0.523 * g + 0.312 * b) * (brightness / 255);
    const [i2, q2] = [c * i - s * q, s * i + c * q];
    to[pixel] = clamp(y + 0.956 * i2 + 0.621 * q2);
    to[pixel + plane] = clamp(y - 0.272 * i2 - 0.647 * q2);
    to[pixel + 2 * plane] = clamp(y - 1.106 * i2 + 1.703 * q2);
  };
}
