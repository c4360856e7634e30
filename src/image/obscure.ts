/** Makes parts of a picture unrecognisable: mosaic, Gaussian blur, or one colour. */

import { crop } from "./crop.js";
import type { RgbImage } from "./types.js";

/** `mosaic`: cells of one colour; `gaussian`: a strong blur; `fill`: the region's mean colour, so nothing of it remains. */
export type ObscureStyle = "mosaic" | "gaussian" | "fill";
/** All styles, the default first. */
export const OBSCURE_STYLES: readonly ObscureStyle[] = ["mosaic", "gaussian", "fill"];

/** A part of a picture, in pixels. */
export interface Region {
  /** Parts outside the picture are ignored; fractions are rounded outwards. */
  readonly xyxy: readonly [x1: number, y1: number, x2: number, y2: number];
  /** Rectangles x0, y0, x1, y1, … in whole pixels of the box, which may overlap; undefined: the whole box. */
  readonly rectangles?: readonly number[] | undefined;
}

/** Cells along the longer side of a region. A face then has few enough that nobody is recognised. */
const CELLS = 8;
/** Smaller cells hide nothing. */
const LEAST_CELL = 4;
/** Standard deviation of the blur, as a part of the region's longer side. */
const SIGMA = 1 / CELLS;

/** Whole pixels of a picture, x1 and y1 excluded. */
interface Window {
  readonly x0: number;
  readonly y0: number;
  readonly width: number;
  readonly height: number;
}

/** Changes the picture in place. Nothing outside the region changes, and nothing from outside affects it. */
export function obscure(image: RgbImage, region: Region, style: ObscureStyle = "mosaic"): void {
  const window = windowOf(image, region.xyxy);
  if (!window) return;
  const pixels = crop(image, { ...window, x: window.x0, y: window.y0 }).data;
  if (style === "gaussian") gaussian(pixels, window);
  else if (style === "fill") average(pixels, window, Math.max(window.width, window.height));
  else average(pixels, window, Math.max(LEAST_CELL, Math.ceil(Math.max(window.width, window.height) / CELLS)));
  const covered = region.rectangles && coverage(window, region.rectangles);
  const { x0, y0, width, height } = window;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let from = 0; from < width; ) {
      while (from < width && covered?.[row + from] === 0) from++;
      let to = from;
      while (to < width && covered?.[row + to] !== 0) to++;
      image.data.set(pixels.subarray((row + from) * 3, (row + to) * 3), ((y0 + y) * image.width + x0 + from) * 3);
      from = to;
    }
  }
}

/**
 * 1 for each pixel of a window that lies in a rectangle. The outline of an object is a rectangle per row, widened, so that
 * each pixel lies in hundreds of them: corners are counted and added up, once for all.
 */
function coverage({ x0, y0, width, height }: Window, rectangles: readonly number[]): Uint8Array {
  const columns = width + 1;
  const corners = new Int32Array(columns * (height + 1));
  const within = (value: number, most: number): number => Math.min(Math.max(Math.round(value), 0), most);
  for (let i = 0; i + 3 < rectangles.length; i += 4) {
    const [left, right] = [within(rectangles[i] - x0, width), within(rectangles[i + 2] - x0, width)];
    const [top, bottom] = [within(rectangles[i + 1] - y0, height), within(rectangles[i + 3] - y0, height)];
    if (!(left < right && top < bottom)) continue;
    corners[top * columns + left]++;
    corners[top * columns + right]--;
    corners[bottom * columns + left]--;
    corners[bottom * columns + right]++;
  }
  const covered = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) {
      const at = y * columns + x;
      sum += corners[at];
      const above = y === 0 ? 0 : corners[at - columns];
      // From here on the number of rectangles over this pixel.
      corners[at] = sum + above;
      covered[y * width + x] = corners[at] > 0 ? 1 : 0;
    }
  }
  return covered;
}

function windowOf({ width, height }: RgbImage, [x1, y1, x2, y2]: Region["xyxy"]): Window | undefined {
  const [x0, y0] = [Math.max(0, Math.floor(x1)), Math.max(0, Math.floor(y1))];
  const [right, bottom] = [Math.min(width, Math.ceil(x2)), Math.min(height, Math.ceil(y2))];
  // Also for coordinates that are not numbers.
  if (!(right > x0 && bottom > y0)) return undefined;
  return { x0, y0, width: right - x0, height: bottom - y0 };
}

/** Square cells get their mean colour. */
function average(pixels: Uint8Array, { width, height }: Window, cell: number): void {
  for (let top = 0; top < height; top += cell) {
    const bottom = Math.min(top + cell, height);
    for (let left = 0; left < width; left += cell) {
      const right = Math.min(left + cell, width);
      const count = (right - left) * (bottom - top);
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += pixels[(y * width + x) * 3 + channel];
        }
        const mean = Math.round(sum / count);
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) pixels[(y * width + x) * 3 + channel] = mean;
        }
      }
    }
  }
}

/**
 * Three box filters along each axis, which differ from a Gaussian by about 3 % (W3C, Filter Effects Module Level 1,
 * feGaussianBlur). Beyond the window's edge its last pixel goes on.
 */
function gaussian(pixels: Uint8Array, { width, height }: Window): void {
  const sigma = Math.max(LEAST_CELL / 2, Math.max(width, height) * SIGMA);
  const size = Math.floor((sigma * 3 * Math.sqrt(2 * Math.PI)) / 4 + 0.5);
  const radius = Math.max(1, Math.floor(size / 2));
  const line = new Float64Array(Math.max(width, height));
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < height; y++) filterLine(pixels, y * width * 3 + channel, 3, width, radius, line);
    for (let x = 0; x < width; x++) filterLine(pixels, x * 3 + channel, width * 3, height, radius, line);
  }
}

/** Filters `count` values, `step` bytes apart, three times. */
function filterLine(
  pixels: Uint8Array,
  start: number,
  step: number,
  count: number,
  radius: number,
  line: Float64Array,
): void {
  const span = 2 * radius + 1;
  for (let pass = 0; pass < 3; pass++) {
    for (let i = 0; i < count; i++) line[i] = pixels[start + i * step];
    const at = (i: number): number => line[i < 0 ? 0 : i >= count ? count - 1 : i];
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += at(i);
    for (let i = 0; i < count; i++) {
      pixels[start + i * step] = Math.round(sum / span);
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
}
