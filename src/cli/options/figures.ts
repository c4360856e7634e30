/** Values of `--line`, `--zone`, `--ground` and `--slice`: numbers with commas between them, and a name. */

import { InvalidArgumentError } from "commander";
import { pointsOf, polygonProblem } from "../../solutions/geometry.js";

/** x, y, x, y, … in pixels or in fractions of the picture. */
export interface FigureFlag {
  readonly numbers: readonly number[];
  readonly name: string | undefined;
}

/** The names of lines or zones, in order: those without one are `line`, `line 2`, …. */
export function figureNames(figures: readonly FigureFlag[], what: "line" | "zone"): string[] {
  return figures.map(({ name }, i) => name ?? (i === 0 ? what : `${what} ${i + 1}`));
}

/** A rectangle on the ground. */
export interface SpeedFlag {
  /** Its four corners in the picture. */
  readonly numbers: readonly number[];
  /** First corner to second, second to third. */
  readonly size: readonly [number, number];
  /** Units per second are multiplied by this. */
  readonly factor: number;
  readonly unit: string;
}

/** `1,2,3,name` → its numbers, and the rest. */
function split(text: string): { readonly numbers: number[]; readonly rest: string } {
  const words = text.split(",");
  const end = words.findIndex((word) => word.trim() === "" || !Number.isFinite(Number(word)));
  const count = end < 0 ? words.length : end;
  return { numbers: words.slice(0, count).map(Number), rest: words.slice(count).join(",").trim() };
}

/** `x1,y1,x2,y2[,name]`. */
export function lineFlag(text: string): FigureFlag {
  const { numbers, rest } = split(text);
  if (numbers.length !== 4) throw new InvalidArgumentError("Give x1,y1,x2,y2 and perhaps a name: 0,300,640,300,door.");
  if (numbers[0] === numbers[2] && numbers[1] === numbers[3]) {
    throw new InvalidArgumentError("The two points of a line must differ.");
  }
  return { numbers, name: rest || undefined };
}

/** `x1,y1,x2,y2,x3,y3,…[,name]`. */
export function zoneFlag(text: string): FigureFlag {
  const { numbers, rest } = split(text);
  if (numbers.length < 6 || numbers.length % 2 !== 0) {
    throw new InvalidArgumentError("Give three points or more as x1,y1,x2,y2,x3,y3,… and perhaps a name.");
  }
  const problem = polygonProblem(pointsOf(numbers));
  if (problem !== undefined)
    throw new InvalidArgumentError(`It ${problem}; give the corners in their order around it.`);
  return { numbers, name: rest || undefined };
}

/** Metres per second → units that are speeds themselves. */
const SPEEDS: ReadonlyMap<string, number> = new Map([
  ["m/s", 1],
  ["km/h", 3.6],
  ["mph", 1 / 0.44704],
]);

/** `x1,y1,…,x4,y4,width,height[,unit]`. */
export function speedFlag(text: string): SpeedFlag {
  const { numbers, rest } = split(text);
  const [width, height] = numbers.slice(8);
  if (numbers.length !== 10 || !(width > 0 && height > 0)) {
    throw new InvalidArgumentError(
      "Give the four corners of a rectangle on the ground, its width and height in metres, and perhaps a unit: x1,y1,x2,y2,x3,y3,x4,y4,10,30,km/h.",
    );
  }
  const unit = rest || "m/s";
  const factor = SPEEDS.get(unit);
  const named = factor === undefined ? `${unit}/s` : unit;
  return { numbers: numbers.slice(0, 8), size: [width, height], factor: factor ?? 1, unit: named };
}

/** `640` or `640x480`, width first. */
export function sliceFlag(text: string): { readonly width: number; readonly height: number } {
  const [, width, height = width] = /^(\d+)(?:[x×](\d+))?$/i.exec(text.trim()) ?? [];
  const sides = [Number(width), Number(height)];
  if (width === undefined || !sides.every((side) => side >= 32 && side <= 16384)) {
    throw new InvalidArgumentError(
      "Give the windows' width, or width and height, in pixels from 32 to 16384: 640 or 640x480.",
    );
  }
  return { width: sides[0], height: sides[1] };
}

/** 0 to 0.9. */
export function overlapFlag(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= 0.9)) throw new InvalidArgumentError("It must be between 0 and 0.9.");
  return value;
}
