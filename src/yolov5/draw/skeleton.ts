/** Keypoints as lines and dots: people (COCO's 17 points) with a skeleton, all others as points. */

import type { Color } from "../../image/draw/palette.js";
import { paletteColor, type ThemeName } from "../../image/draw/theme.js";
import type { Keypoint } from "../output/detections.js";

/** A line or dot of an annotation, in picture pixels. */
interface Stroke {
  readonly points: readonly number[];
  readonly color: Color;
  /** Times the line thickness. */
  readonly width: number;
}

/** Points that the model thinks less visible than this are not drawn. */
const VISIBLE = 0.25;
/** Diameter of a point in lines. */
const DOT = 2.5;

/** Colours of the parts of a person, by their place in the palette. */
const PART_COLORS = { face: 8, arms: 14, torso: 3, legs: 1 } as const;
type Part = keyof typeof PART_COLORS;

/** COCO's limbs, by the numbers of the points that they join. */
const LIMBS: readonly (readonly [from: number, to: number, part: Part])[] = [
  [15, 13, "legs"],
  [13, 11, "legs"],
  [16, 14, "legs"],
  [14, 12, "legs"],
  [11, 12, "torso"],
  [5, 11, "torso"],
  [6, 12, "torso"],
  [5, 6, "torso"],
  [5, 7, "arms"],
  [6, 8, "arms"],
  [7, 9, "arms"],
  [8, 10, "arms"],
  [1, 2, "face"],
  [0, 1, "face"],
  [0, 2, "face"],
  [1, 3, "face"],
  [2, 4, "face"],
  [3, 5, "face"],
  [4, 6, "face"],
];

/** Nose, eyes and ears; shoulders, elbows and wrists; hips, knees and ankles. */
const partOf = (point: number): Part => (point < 5 ? "face" : point < 11 ? "arms" : "legs");
const PERSON = 17;

/** Limbs below the points. */
export function keypointStrokes(keypoints: readonly Keypoint[], theme: ThemeName): Stroke[] {
  const person = keypoints.length === PERSON;
  const shown = ([x, y, visibility = 1]: Keypoint): boolean => visibility >= VISIBLE && Number.isFinite(x + y);
  const limbs = LIMBS.flatMap(([from, to, part]): Stroke[] => {
    if (!person || !shown(keypoints[from]) || !shown(keypoints[to])) return [];
    const [[x0, y0], [x1, y1]] = [keypoints[from], keypoints[to]];
    return [{ points: [x0, y0, x1, y1], color: paletteColor(PART_COLORS[part], theme), width: 1 }];
  });
  const dots = keypoints.flatMap((point, i): Stroke[] => {
    if (!shown(point)) return [];
    const [x, y] = point;
    // A canvas draws no line without a length.
    return [
      { points: [x, y, x + 0.01, y], color: paletteColor(person ? PART_COLORS[partOf(i)] : i, theme), width: DOT },
    ];
  });
  return [...limbs, ...dots];
}
