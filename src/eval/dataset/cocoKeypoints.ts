/** Keypoints of COCO annotations: `keypoints` of an object, x, y and visibility in pixels for each point. */

import { DatasetError } from "../../errors.js";
import { describeValue } from "../../weights/describe.js";
import type { KeypointShape } from "../../yolov5/graph/heads.js";

/**
 * Points divided by the picture's width and height, zeros for those that are not labelled; undefined for an object without the
 * list.
 * @param at begins the message.
 * @throws DatasetError for a list that is not three numbers for each of the model's keypoints.
 */
export function keypointsOf(
  value: unknown,
  { count }: KeypointShape,
  [width, height]: readonly [number, number],
  at: string,
): Float32Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length !== 3 * count) {
    const found = Array.isArray(value) ? `a list of ${value.length}` : describeValue(value);
    throw new DatasetError(
      `${at}: "keypoints" must be ${3 * count} numbers (x, y, visibility of the model's ${count} keypoints), not ${found}`,
      { count },
    );
  }
  const wrong = value.findIndex((number) => typeof number !== "number" || !Number.isFinite(number));
  if (wrong >= 0) {
    throw new DatasetError(`${at}: "keypoints"[${wrong}] must be a number, not ${describeValue(value[wrong])}`, {
      wrong,
    });
  }
  const numbers = value as number[];
  return Float32Array.from(numbers, (number, i) => {
    const visibility = numbers[i - (i % 3) + 2];
    if (visibility === 0) return 0;
    return i % 3 === 2 ? visibility : number / (i % 3 === 0 ? width : height);
  });
}

/** Whether an object has the list, but no point of it is labelled: COCO's evaluation does not count it. */
export const isPointless = (points: Float32Array | undefined): boolean =>
  points?.every((value, i) => i % 3 !== 2 || value === 0) ?? false;
