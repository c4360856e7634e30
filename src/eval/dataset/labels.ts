/**
 * YOLO label files: one object per line, `class x y w h` with centre and size divided by the picture's size, or
 * `class x1 y1 x2 y2 x3 y3 …` with an outline, whose bounding box is used. Those of pose data sets: the box, then `x y` or
 * `x y visibility` for each keypoint.
 */

import { cutText } from "../../weights/describe.js";
import type { KeypointShape } from "../../yolov5/graph/heads.js";
import type { GroundTruth, Polygon } from "./types.js";

/** An invalid line. */
interface LabelProblem {
  /** Counted from 1. */
  readonly line: number;
  readonly message: string;
  /**
   * `malformed`: it cannot be parsed. `outside`: coordinates for which `val.py` treats the file as corrupt and leaves
   * the picture out.
   */
  readonly kind: "malformed" | "outside";
}

export interface ParsedLabels {
  readonly truth: GroundTruth;
  readonly problems: readonly LabelProblem[];
  /** Lines that repeat an earlier one; they count once. */
  readonly duplicates: readonly number[];
}

/** Each part can match in only one way, so that long words take linear time. */
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
/** Three points and the class; fewer columns are a box. */
const LEAST_OUTLINE = 7;

/** No model has more classes; beyond 2^31 the number would become another one. */
const MOST_CLASS = 65_535;

interface Row {
  readonly classIndex: number;
  readonly box: readonly [number, number, number, number];
  readonly polygon: Polygon | undefined;
  /** x, y, visibility, …. */
  readonly keypoints?: Float32Array | undefined;
}

/**
 * Objects of one label file, problems by line. An empty file is a picture without objects.
 * @param keypoints what the lines of a pose data set have after their boxes.
 */
export function parseLabels(text: string, keypoints?: KeypointShape): ParsedLabels {
  const rows: Row[] = [];
  const problems: LabelProblem[] = [];
  const duplicates: number[] = [];
  const seen = new Set<string>();
  for (const [index, content] of text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\r|\n/)
    .entries()) {
    const words = content.split(/\s+/).filter((word) => word !== "");
    if (words.length === 0) continue;
    const line = index + 1;
    const row = keypoints ? parsePose(words, keypoints) : parseRow(words);
    if (!("classIndex" in row)) {
      problems.push({ line, ...row });
      continue;
    }
    const key = [row.classIndex, ...(row.polygon ?? row.box), ...(row.keypoints ?? [])].join(" ");
    if (seen.has(key)) duplicates.push(line);
    else rows.push(row);
    seen.add(key);
  }
  const truth = truthOf(rows);
  return {
    truth: keypoints ? { ...truth, keypoints: rows.map((row) => row.keypoints) } : truth,
    problems,
    duplicates,
  };
}

function truthOf(rows: readonly Row[]): GroundTruth {
  return {
    classes: Int32Array.from(rows, ({ classIndex }) => classIndex),
    boxes: Float32Array.from(rows.flatMap(({ box }) => box)),
    polygons: rows.map(({ polygon }) => (polygon ? [polygon] : [])),
  };
}

function parseRow(words: readonly string[]): Row | Omit<LabelProblem, "line"> {
  const malformed = (message: string) => ({ kind: "malformed", message }) as const;
  const wrong = words.find((word) => !NUMBER.test(word));
  if (wrong !== undefined) return malformed(`"${cutText(wrong)}" is not a number`);
  const outline = words.length >= LEAST_OUTLINE;
  if (words.length !== 5 && !(outline && words.length % 2 === 1)) {
    const found = `${words.length} column${words.length === 1 ? "" : "s"}`;
    return malformed(
      `${found}; a box has 5 (class x y w h), an outline an odd number of at least 7 (class x y x y x y …)`,
    );
  }
  const classIndex = Number(words[0]);
  if (!Number.isInteger(classIndex)) return malformed(`the class ${cutText(words[0])} is not a whole number`);
  if (classIndex < 0) return malformed(`the class ${cutText(words[0])} is negative`);
  if (classIndex > MOST_CLASS) return malformed(`the class ${cutText(words[0])} is above ${MOST_CLASS}`);
  const coordinates = Float32Array.from(words.slice(1), Number);
  // The message quotes the file, since float32 would change the value.
  const outside = words.slice(1).find((_, i) => coordinates[i] < 0 || coordinates[i] > 1);
  if (outside !== undefined) {
    const what = Number(outside) < 0 ? "is negative" : "is above 1";
    return {
      kind: "outside",
      message: `${cutText(outside)} ${what}; coordinates are divided by the picture's width and height`,
    };
  }
  if (outline) return { classIndex, box: boxAround(coordinates), polygon: coordinates };
  const [x, y, w, h] = coordinates;
  return { classIndex, box: [x, y, w, h], polygon: undefined };
}

/** A box, and keypoints after it. */
function parsePose(words: readonly string[], { count, size }: KeypointShape): Row | Omit<LabelProblem, "line"> {
  if (words.length === 5) return parseRow(words);
  const wanted = 5 + count * size;
  if (words.length !== wanted) {
    const message = `${words.length} columns; a box has 5 (class x y w h), one with ${count} keypoints ${wanted}`;
    return { kind: "malformed", message };
  }
  const wrong = words.find((word) => !NUMBER.test(word));
  if (wrong !== undefined) return { kind: "malformed", message: `"${cutText(wrong)}" is not a number` };
  const points = Array.from({ length: count }, (_, k) => words.slice(5 + k * size, 5 + (k + 1) * size));
  // Places are held to the same range as boxes; a visibility is 0, 1 or 2.
  const row = parseRow([...words.slice(0, 5), ...points.flatMap((point) => point.slice(0, 2))]);
  if (!("classIndex" in row)) return row;
  const [x, y, w, h] = Float32Array.from(words.slice(1, 5), Number);
  const keypoints = Float32Array.from(
    points.flatMap((point) => [point[0], point[1], point[2] ?? visibilityOf(point)]),
    Number,
  );
  return { classIndex: row.classIndex, box: [x, y, w, h], polygon: undefined, keypoints };
}

/** Where labels have none, points at the corner are those that are not labelled. */
const visibilityOf = ([x, y]: readonly string[]): string => (Number(x) === 0 && Number(y) === 0 ? "0" : "2");

/** Centre and size of an outline's bounding box, computed in float32. */
export function boxAround(polygon: ArrayLike<number>): [x: number, y: number, w: number, h: number] {
  let [x1, y1, x2, y2] = [polygon[0], polygon[1], polygon[0], polygon[1]];
  for (let i = 2; i < polygon.length; i += 2) {
    x1 = Math.min(x1, polygon[i]);
    x2 = Math.max(x2, polygon[i]);
    y1 = Math.min(y1, polygon[i + 1]);
    y2 = Math.max(y2, polygon[i + 1]);
  }
  const { fround } = Math;
  return [fround(fround(x1 + x2) / 2), fround(fround(y1 + y2) / 2), fround(x2 - x1), fround(y2 - y1)];
}
