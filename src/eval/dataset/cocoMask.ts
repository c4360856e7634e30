/** Masks in COCO's annotations: run lengths down the columns, as a list or in pycocotools' text. */

import { DatasetError } from "../../errors.js";
import { expandCounts } from "../../yolov5/output/masks/cocoRle.js";
import { type Rle, rleArea } from "../../yolov5/output/masks/rle.js";

/**
 * The mask of an object; undefined if it has outlines instead, or nothing is set.
 * @param at begins every message.
 * @throws DatasetError for runs that are not those of a picture of this size.
 */
export function cocoMask(segmentation: unknown, width: number, height: number, at: string): Rle | undefined {
  if (typeof segmentation !== "object" || segmentation === null || !("counts" in segmentation)) return undefined;
  const { counts: given, size } = segmentation as { readonly counts: unknown; readonly size?: unknown };
  const fits = Array.isArray(size) && size.length === 2 && size[0] === height && size[1] === width;
  if (!fits) {
    throw new DatasetError(`${at}: size of its "segmentation" must be that of its picture, [${height}, ${width}]`, {});
  }
  const counts = typeof given === "string" ? expandCounts(given) : given;
  const runs = Array.isArray(counts) && counts.every((run) => Number.isInteger(run) && run >= 0);
  const total = runs ? (counts as number[]).reduce((sum, run) => sum + run, 0) : Number.NaN;
  if (total !== width * height) {
    throw new DatasetError(`${at}: counts of its "segmentation" do not add up to ${width}×${height} pixels`, {});
  }
  const mask: Rle = { counts: counts as number[], size: [height, width] };
  return rleArea(mask) > 0 ? mask : undefined;
}

/** Centre and size of the smallest box around a mask, normalised. */
export function boxAroundMask({ counts, size: [height, width] }: Rle): number[] {
  let [x1, y1, x2, y2] = [width, height, 0, 0];
  let position = 0;
  for (const [k, run] of counts.entries()) {
    const end = position + run;
    if (k % 2 === 1 && run > 0) {
      const [first, last] = [Math.floor(position / height), Math.floor((end - 1) / height)];
      [x1, x2] = [Math.min(x1, first), Math.max(x2, last + 1)];
      // A run over several columns reaches the bottom of one and the top of the next.
      y1 = first === last ? Math.min(y1, position % height) : 0;
      y2 = first === last ? Math.max(y2, ((end - 1) % height) + 1) : height;
    }
    position = end;
  }
  return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
}
