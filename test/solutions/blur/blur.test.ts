/** `blur`: which parts of a picture change for a result. */

import { expect, test } from "vitest";
import type { RgbImage } from "../../../src/image/types.js";
import { type BlurOptions, type BlurredObject, blur } from "../../../src/solutions/blur/index.js";
import { encodeRle, maskFromBitmap } from "../../../src/yolov5/output/masks/rle.js";

const SIZE = 60;

function picture(): RgbImage {
  // No pixel equals its neighbours, so that every hidden pixel changes or is next to one that does.
  return {
    width: SIZE,
    height: SIZE,
    data: Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => (i * 97 + (i >> 3) * 31) % 256),
  };
}

/** x1, y1, x2, y2 of what a blur changed, and how many pixels. */
function changed(detections: readonly BlurredObject[], options?: BlurOptions) {
  const [before, after] = [picture(), picture()];
  blur(after, { detections }, options);
  const pixels: (readonly [number, number])[] = [];
  for (let i = 0; i < SIZE * SIZE; i++) {
    if ([0, 1, 2].some((c) => before.data[i * 3 + c] !== after.data[i * 3 + c]))
      pixels.push([i % SIZE, Math.floor(i / SIZE)]);
  }
  if (pixels.length === 0) return { box: undefined, pixels };
  const [xs, ys] = [pixels.map(([x]) => x), pixels.map(([, y]) => y)];
  return { box: [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1], pixels };
}

const person: BlurredObject = { xmin: 10, ymin: 10, xmax: 30, ymax: 40, class: 0 };
const dog: BlurredObject = { xmin: 40, ymin: 40, xmax: 50, ymax: 50, class: 16 };

test("hides all objects or those of some classes, with a margin", () => {
  expect(changed([person, dog]).box).toEqual([8, 7, 51, 51]);
  expect(changed([person, dog], { classes: [0] }).box).toEqual([8, 7, 32, 43]);
  expect(changed([person, dog], { classes: [16], margin: 0 }).box).toEqual([40, 40, 50, 50]);
  expect(changed([person, dog], { classes: [] }).box).toBeUndefined();
  expect(changed([]).box).toBeUndefined();
});

test("hides boxes of other frames too", () => {
  expect(changed([], { added: [[20, 20, 30, 30]] }).box).toEqual([19, 19, 31, 31]);
});

test("hides an outline with a margin, or the box if the outline is missing or empty", () => {
  const bitmap = new Uint8Array(SIZE * SIZE);
  for (let y = 15; y < 35; y++) for (let x = 18; x < 22; x++) bitmap[y * SIZE + x] = 1;
  const masked: BlurredObject = { ...person, mask: encodeRle(maskFromBitmap(bitmap, SIZE, SIZE)) };
  expect(changed([masked], { shape: "mask", margin: 0 }).box).toEqual([18, 15, 22, 35]);
  // A tenth of the longer side, 3 pixels.
  expect(changed([masked], { shape: "mask" }).box).toEqual([15, 12, 25, 38]);
  expect(changed([masked]).box).toEqual([8, 7, 32, 43]);
  expect(changed([person], { shape: "mask" }).box).toEqual([8, 7, 32, 43]);
  const empty = { ...person, mask: encodeRle(maskFromBitmap(new Uint8Array(SIZE * SIZE), SIZE, SIZE)) };
  expect(changed([empty], { shape: "mask" }).box).toEqual([8, 7, 32, 43]);
});

test.each([
  [{ style: "black" }, /style must be mosaic or gaussian or fill, got black/],
  [{ shape: "oval" }, /shape must be box or mask, got oval/],
  [{ margin: -1 }, /margin must be 0 to 10 times the object's size, got -1/],
])("%o is refused", (options, message) => {
  expect(() => blur(picture(), { detections: [person] }, options as BlurOptions)).toThrow(message);
});
