/** Overlapping windows over a picture. */

import type { Xyxy } from "../../boxes.js";

/** Whole pixels of the picture. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const boxOf = ({ x, y, width, height }: Window): Xyxy => [x, y, x + width, y + height];

/**
 * Where the windows of one axis begin: as few as overlap by at least `overlap`, spread evenly, so that all seams are alike.
 * @param length of the picture and of a window.
 */
function starts(length: number, window: number, overlap: number): number[] {
  const room = length - window;
  if (room <= 0) return [0];
  const step = Math.max(Math.floor(window * (1 - overlap)), 1);
  const gaps = Math.ceil(room / step);
  return Array.from({ length: gaps + 1 }, (_, i) => Math.round((i * room) / gaps));
}

/**
 * The windows of a picture, row by row. They cover the picture and stay inside it. Along a side that is shorter than a window, there is
 * one window of the picture's length.
 */
export function windowsOf(
  picture: { readonly width: number; readonly height: number },
  { width, height, overlap }: { readonly width: number; readonly height: number; readonly overlap: number },
): Window[] {
  const columns = starts(picture.width, width, overlap);
  const size = { width: Math.min(width, picture.width), height: Math.min(height, picture.height) };
  return starts(picture.height, height, overlap).flatMap((y) => columns.map((x) => ({ x, y, ...size })));
}
