/**
 * Whether boxes of two windows are the same object. A window's edge cuts objects: such a box says nothing of what lies beyond, so
 * it is compared with another only where both windows look.
 */

import { areaOf, clipTo, iosOf, iouOf, type Xyxy } from "../../boxes.js";
import type { SliceMerge } from "./options.js";
import { boxOf, type Window } from "./windows.js";

/** A box of one window. */
export interface WindowBox {
  readonly xyxy: Xyxy;
  readonly score: number;
  readonly class: number;
  /** Index of its window. */
  readonly window: number;
}

/** How near to a window's edge a cut box ends, as a part of the window's side: networks do not place it to the pixel. */
const NEAR = 0.02;

/**
 * A part that a window's edge cut off lies inside the whole. With less than this part of it, `ios` also merged neighbours in
 * crowds (bench/slices.mjs).
 */
const INSIDE = 0.9;

/** Left, top, right, bottom. */
type Sides = readonly [boolean, boolean, boolean, boolean];

/** A window, and which of its edges lie inside the picture. */
export interface SeenWindow {
  readonly box: Xyxy;
  readonly inner: Sides;
}

export function seenWindow(window: Window, picture: { readonly width: number; readonly height: number }): SeenWindow {
  const box = boxOf(window);
  return { box, inner: [box[0] > 0, box[1] > 0, box[2] < picture.width, box[3] < picture.height] };
}

/** Which sides of a box its window has cut off. */
export function cutSides([x1, y1, x2, y2]: Xyxy, { box, inner }: SeenWindow): Sides {
  const [nearX, nearY] = [(box[2] - box[0]) * NEAR, (box[3] - box[1]) * NEAR];
  return [
    inner[0] && x1 - box[0] <= nearX,
    inner[1] && y1 - box[1] <= nearY,
    inner[2] && box[2] - x2 <= nearX,
    inner[3] && box[3] - y2 <= nearY,
  ];
}

export const isCut = (sides: Sides): boolean => sides.includes(true);

/** A box with what is known of its window. */
export interface PlacedBox extends WindowBox {
  readonly seen: SeenWindow;
  readonly cut: Sides;
}

/** Whether another window sees what is beyond a side where the box is cut. */
function continuesIn({ cut, seen }: PlacedBox, { box }: SeenWindow): boolean {
  return (
    (cut[0] && box[0] < seen.box[0]) ||
    (cut[1] && box[1] < seen.box[1]) ||
    (cut[2] && box[2] > seen.box[2]) ||
    (cut[3] && box[3] > seen.box[3])
  );
}

/** Overlap of two stretches, over their union. */
function stretchIou(a: readonly [number, number], b: readonly [number, number]): number {
  const common = Math.min(a[1], b[1]) - Math.max(a[0], b[0]);
  return common > 0 ? common / (Math.max(a[1], b[1]) - Math.min(a[0], b[0])) : 0;
}

/** IoU of two boxes where both of their windows look; of windows that only touch, along their seam. */
function commonIou(a: PlacedBox, b: PlacedBox): number {
  const common = clipTo(a.seen.box, b.seen.box);
  const [width, height] = [common[2] - common[0], common[3] - common[1]];
  if (width < 0 || height < 0 || (width < 1 && height < 1)) return 0;
  if (width < 1) return stretchIou([a.xyxy[1], a.xyxy[3]], [b.xyxy[1], b.xyxy[3]]);
  if (height < 1) return stretchIou([a.xyxy[0], a.xyxy[2]], [b.xyxy[0], b.xyxy[2]]);
  return iouOf(clipTo(a.xyxy, common), clipTo(b.xyxy, common));
}

/**
 * Whether two boxes are one object. Never for boxes of one window, which its own suppression has kept apart.
 * @param threshold from which on IoU or IoS mean that.
 */
export function sameObject(a: PlacedBox, b: PlacedBox, merge: SliceMerge, threshold: number): boolean {
  if (a.window === b.window) return false;
  const iou = iouOf(a.xyxy, b.xyxy);
  if (merge === "nms") return iou > threshold;
  if (iou > 0 && iou >= threshold) return true;
  const [aBeyond, bBeyond] = [continuesIn(a, b.seen), continuesIn(b, a.seen)];
  if (!aBeyond && !bBeyond) return false;
  const common = commonIou(a, b);
  if (common > 0 && common >= threshold && touches(a, b)) return true;
  if (merge === "iou") return false;
  const smaller = areaOf(a.xyxy) < areaOf(b.xyxy) ? aBeyond : bBeyond;
  const ios = iosOf(a.xyxy, b.xyxy);
  return smaller && ios >= Math.max(threshold, INSIDE);
}

/** Of windows that only touch, both boxes must be cut at the seam: elsewhere neither window knows of the other's. */
function touches(a: PlacedBox, b: PlacedBox): boolean {
  const common = clipTo(a.seen.box, b.seen.box);
  const apart = common[2] - common[0] < 1 || common[3] - common[1] < 1;
  return !apart || (continuesIn(a, b.seen) && continuesIn(b, a.seen));
}
