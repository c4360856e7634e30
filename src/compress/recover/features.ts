/**
 * How far the maps that a student's neck gives its head are from its teacher's: mean squares, in units of the teacher's variance.
 * Channels that pruning has kept are compared with what they were; between networks of different widths, the wider one's
 * channels are mixed into as many as the narrower one has, by a fixed random projection with orthonormal rows (Romero et al.
 * 2015 train theirs, which a student could use to hide what it lacks).
 */

import { UnsupportedError } from "../../errors.js";
import { seededRandom } from "../../tensor/index.js";
import { matchMaps } from "./loss.js";

const SEED = 2015;

/** Two necks' maps of a level as numbers of the same meaning: rows of weights over channels; undefined leaves them as they are. */
export interface Projection {
  readonly teacher: readonly Float32Array[] | undefined;
  readonly student: readonly Float32Array[] | undefined;
}

/**
 * @param teacher shapes of its maps, [N, C, H, W] each; `student` likewise
 * @param kept for each level, the teacher's channel of each of the student's, where that is known
 * @throws UnsupportedError for necks that give other sizes
 */
export function projectionsOf(
  teacher: readonly (readonly number[])[],
  student: readonly (readonly number[])[],
  kept?: readonly (readonly number[])[],
): Projection[] {
  const sizes = (shapes: readonly (readonly number[])[]): string => shapes.map(([, , h, w]) => `${h}×${w}`).join(", ");
  if (sizes(teacher) !== sizes(student)) {
    throw new UnsupportedError(
      `recover: necks can be compared where they give maps of the same sizes (student: ${sizes(student)}; teacher: ${sizes(teacher)}); train without features`,
    );
  }
  const random = seededRandom(SEED);
  return teacher.map(([, wide], level) => {
    const [, narrow] = student[level];
    const own = kept?.[level];
    if (own) return { teacher: own.map((channel) => unit(wide, channel)), student: undefined };
    if (wide === narrow) return { teacher: undefined, student: undefined };
    if (wide > narrow) return { teacher: orthonormalRows(narrow, wide, random), student: undefined };
    return { teacher: undefined, student: orthonormalRows(wide, narrow, random) };
  });
}

function unit(length: number, at: number): Float32Array {
  const row = new Float32Array(length);
  row[at] = 1;
  return row;
}

/** Rows of a random rotation: normal numbers, orthogonalised (Gram and Schmidt). */
function orthonormalRows(count: number, length: number, random: () => number): Float32Array[] {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const rows: Float32Array[] = [];
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, v, i) => sum + v * b[i], 0);
  while (rows.length < count) {
    const row = Float32Array.from({ length }, normal);
    for (const other of rows) {
      const share = dot(row, other);
      for (let i = 0; i < length; i++) row[i] -= share * other[i];
    }
    const norm = Math.sqrt(dot(row, row));
    rows.push(row.map((v) => v / norm));
  }
  return rows;
}

/**
 * @param shapes of the maps, [N, C, H, W] each: the teacher's and the student's
 * @param seeds of the student's maps: receive the gradient
 * @returns `weight` times the mean over levels and channels of the mean square
 */
export function featureLoss(
  projections: readonly Projection[],
  shapes: readonly (readonly number[])[],
  teacher: readonly Float32Array[],
  student: readonly Float32Array[],
  seeds: readonly Float32Array[],
  weight: number,
): number {
  let loss = 0;
  for (const [level, rows] of projections.entries()) {
    const [n, channels, h, w] = shapes[level];
    const plane = h * w;
    const wanted = projected(teacher[level], rows.teacher, n, plane);
    const given = projected(student[level], rows.student, n, plane);
    const count = wanted.length / (n * plane);
    const gradient = rows.student ? new Float32Array(given.length) : seeds[level];
    loss += matchMaps({ teacher: wanted, student: given, gradient }, [n, count, h, w], weight / projections.length);
    if (rows.student) addProjectedBack(seeds[level], gradient, rows.student, [n, channels, plane]);
  }
  return loss;
}

function projected(
  maps: Float32Array,
  rows: readonly Float32Array[] | undefined,
  n: number,
  plane: number,
): Float32Array {
  if (!rows) return maps;
  const channels = maps.length / (n * plane);
  const result = new Float32Array(n * rows.length * plane);
  for (let image = 0; image < n; image++) {
    for (const [r, row] of rows.entries()) {
      const to = (image * rows.length + r) * plane;
      for (let c = 0; c < channels; c++) {
        if (row[c] === 0) continue;
        const from = (image * channels + c) * plane;
        for (let p = 0; p < plane; p++) result[to + p] += row[c] * maps[from + p];
      }
    }
  }
  return result;
}

/** Adds what a gradient of mixed channels means for those that were mixed. */
function addProjectedBack(
  to: Float32Array,
  gradient: Float32Array,
  rows: readonly Float32Array[],
  [n, channels, plane]: readonly [number, number, number],
): void {
  for (let image = 0; image < n; image++) {
    for (const [r, row] of rows.entries()) {
      const from = (image * rows.length + r) * plane;
      for (let c = 0; c < channels; c++) {
        const first = (image * channels + c) * plane;
        for (let p = 0; p < plane; p++) to[first + p] += row[c] * gradient[from + p];
      }
    }
  }
}
