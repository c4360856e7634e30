/** Boxes of all windows of a picture → its objects. */

import { unionOf, type Xyxy } from "../../boxes.js";
import { BoxGrid } from "./boxGrid.js";
import type { SliceMerge } from "./options.js";
import { cutSides, isCut, type PlacedBox, sameObject, seenWindow, type WindowBox } from "./sameObject.js";
import type { Window } from "./windows.js";

export type { WindowBox } from "./sameObject.js";

/** An object that was seen in one or more windows. */
export interface MergedBox {
  readonly xyxy: Xyxy;
  /** Index of the box that gives its score and class: the most confident one. */
  readonly best: number;
  /** Indices of the boxes that give its position: one that is whole, or all parts. */
  readonly parts: readonly number[];
}

/** Boxes less confident than this part of an object's best one do not change its place. */
const WEAK = 0.3;

/** How boxes of overlapping windows are merged into objects. */
export interface MergeOptions {
  readonly merge: SliceMerge;
  readonly threshold: number;
  /** Merge boxes of different classes too. */
  readonly agnostic: boolean;
}

/**
 * Merges greedily: the most confident box takes those of the same object, then those that match these, and so on.
 * @param windows the windows that the boxes' `window` refers to; one may be the whole picture.
 * @returns the objects by confidence, descending.
 */
export function mergeBoxes(
  boxes: readonly WindowBox[],
  windows: readonly Window[],
  picture: { readonly width: number; readonly height: number },
  { merge, threshold, agnostic }: MergeOptions,
): MergedBox[] {
  const seen = windows.map((window) => seenWindow(window, picture));
  const placed = boxes.map((box): PlacedBox => {
    const own = seen[box.window];
    return { ...box, seen: own, cut: cutSides(box.xyxy, own) };
  });
  const grid = new BoxGrid(boxes.map(({ xyxy }) => xyxy));
  const order = [...boxes.keys()].sort((a, b) => boxes[b].score - boxes[a].score || a - b);
  const taken = new Uint8Array(boxes.length);
  const same = (a: PlacedBox, b: PlacedBox): boolean =>
    (agnostic || a.class === b.class) && sameObject(a, b, merge, threshold);

  return order.flatMap((best): MergedBox[] => {
    if (taken[best] === 1) return [];
    taken[best] = 1;
    const members = [best];
    const trusted = WEAK * boxes[best].score;
    // The first one that is whole says where the object ends; others that are whole add nothing to it.
    let whole = isCut(placed[best].cut) ? undefined : best;
    for (let k = 0; k < members.length; k++) {
      const index = members[k];
      const member = placed[index];
      const growing = merge !== "nms" && member.score >= trusted && (isCut(member.cut) || index === whole);
      if (index !== best && !growing) continue;
      for (const other of grid.near(member.xyxy, 1)) {
        if (taken[other] === 1 || !same(member, placed[other])) continue;
        taken[other] = 1;
        members.push(other);
        if (whole === undefined && placed[other].score >= trusted && !isCut(placed[other].cut)) whole = other;
      }
    }
    return [placeOf(best, members, placed, merge)];
  });
}

function placeOf(best: number, members: readonly number[], boxes: readonly PlacedBox[], merge: SliceMerge): MergedBox {
  if (merge === "nms") return { xyxy: boxes[best].xyxy, best, parts: [best] };
  const trusted = members
    .filter((i) => boxes[i].score >= WEAK * boxes[best].score)
    .sort((a, b) => boxes[b].score - boxes[a].score || a - b);
  const whole = trusted.find((i) => !isCut(boxes[i].cut));
  if (whole !== undefined) return { xyxy: boxes[whole].xyxy, best, parts: [whole] };
  return { xyxy: trusted.map((i) => boxes[i].xyxy).reduce(unionOf), best, parts: trusted };
}
