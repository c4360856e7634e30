/** Tracks for counters. */

import type { TrackedBox } from "../../src/solutions/counting/tracked.js";

/** A box of 40×60 around a point. */
export function boxAt(track: number | undefined, x: number, y: number, name = "person", size = 1): TrackedBox {
  const [w, h] = [20 * size, 30 * size];
  return { track, xmin: x - w, xmax: x + w, ymin: y - h, ymax: y + h, class: name.length, name };
}
