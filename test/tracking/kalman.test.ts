/** The motion model against numbers by hand and against the 8×8 matrices that it stands for. */

import { expect, test } from "vitest";
import type { Xyxy } from "../../src/boxes.js";
import { BoxFilter } from "../../src/tracking/kalman.js";

/** A box of width 50 and height 100 around (x, y). */
const box = (x: number, y = 200): Xyxy => [x - 25, y - 50, x + 25, y + 50];

test("one prediction and one update of the centre equal those computed by hand", () => {
  const filter = new BoxFilter(box(100));
  // Height 100: deviations 2 × 100 / 20 = 10 px and 10 × 100 / 160 = 6.25 px a frame.
  expect(filter.x.variances).toEqual([100, 0, 39.0625]);
  filter.predict();
  // P + 39.0625 + 5²; covariance 39.0625; 39.0625 + 0.625².
  expect(filter.x.value).toBe(100);
  expect(filter.x.variances).toEqual([164.0625, 39.0625, 39.453125]);
  filter.update(box(110));
  // S = 164.0625 + 5² = 189.0625; gains 0.867769 and 0.206612 of the 10 px of surprise.
  expect(filter.x.value).toBeCloseTo(108.6777, 4);
  expect(filter.x.velocity).toBeCloseTo(2.0661, 4);
  expect(filter.x.variances[0]).toBeCloseTo(21.6942, 4);
  expect(filter.x.variances[1]).toBeCloseTo(5.1653, 4);
  expect(filter.x.variances[2]).toBeCloseTo(31.3824, 4);
  // What was measured as predicted stays, and is surer.
  expect(filter.y.value).toBe(200);
  expect(filter.y.velocity).toBe(0);
  expect(filter.xyxy[3] - filter.xyxy[1]).toBeCloseTo(100, 10);
});

test("a steady motion is learned and continues while nothing is seen", () => {
  const filter = new BoxFilter(box(0));
  for (let frame = 1; frame <= 40; frame++) {
    filter.predict();
    filter.update(box(frame * 6));
  }
  expect(filter.x.velocity).toBeCloseTo(6, 1);
  for (let frame = 0; frame < 10; frame++) filter.predict(true);
  expect((filter.xyxy[0] + filter.xyxy[2]) / 2).toBeCloseTo(300, -0.5);
  expect(filter.x.variances[0]).toBeGreaterThan(100);
});

test("a box that shrinks out of sight never turns inside out", () => {
  const filter = new BoxFilter([0, 0, 40, 80]);
  for (const height of [60, 40, 20, 5]) {
    filter.predict();
    filter.update([0, 0, height / 2, height]);
  }
  for (let frame = 0; frame < 60; frame++) filter.predict();
  const [x1, y1, x2, y2] = filter.xyxy;
  expect(x2).toBeGreaterThan(x1);
  expect(y2).toBeGreaterThan(y1);
});

type Matrix = number[][];
const zeros = (rows: number, columns: number): Matrix =>
  Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
const diagonal = (values: readonly number[]): Matrix =>
  values.map((value, i) => values.map((_, j) => (i === j ? value : 0)));
const transpose = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
const plus = (a: Matrix, b: Matrix, sign = 1): Matrix => a.map((row, i) => row.map((v, j) => v + sign * b[i][j]));

/** Gauss–Jordan. */
function inverse(a: Matrix): Matrix {
  const n = a.length;
  const work = a.map((row, i) => [...row, ...diagonal(new Array(n).fill(1))[i]]);
  for (let i = 0; i < n; i++) {
    const pivot = work[i][i];
    work[i] = work[i].map((value) => value / pivot);
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const factor = work[j][i];
      work[j] = work[j].map((value, k) => value - factor * work[i][k]);
    }
  }
  return work.map((row) => row.slice(n));
}

test("four small filters equal the filter with 8×8 matrices", () => {
  const start = box(50, 120);
  const filter = new BoxFilter(start);
  const [wp, wv] = [1 / 20, 1 / 160];
  const squares = (values: readonly number[]): Matrix => diagonal(values.map((value) => value * value));
  let mean: Matrix = [[50], [120], [0.5], [100], [0], [0], [0], [0]];
  const h0 = 100;
  let P = squares([2 * wp * h0, 2 * wp * h0, 1e-2, 2 * wp * h0, 10 * wv * h0, 10 * wv * h0, 1e-5, 10 * wv * h0]);
  const F = diagonal(new Array(8).fill(1));
  for (let i = 0; i < 4; i++) F[i][i + 4] = 1;
  const H = zeros(4, 8);
  for (let i = 0; i < 4; i++) H[i][i] = 1;
  const seen: Xyxy[] = [
    [28, 72, 84, 176],
    [35, 70, 85, 180],
    [40, 75, 98, 179],
    [52, 71, 104, 183],
  ];
  for (const [x1, y1, x2, y2] of seen) {
    const h = mean[3][0];
    const Q = squares([wp * h, wp * h, 1e-2, wp * h, wv * h, wv * h, 1e-5, wv * h]);
    mean = times(F, mean);
    P = plus(times(times(F, P), transpose(F)), Q);
    const hp = mean[3][0];
    const R = squares([wp * hp, wp * hp, 1e-1, wp * hp]);
    const K = times(times(P, transpose(H)), inverse(plus(times(times(H, P), transpose(H)), R)));
    const z = [[(x1 + x2) / 2], [(y1 + y2) / 2], [(x2 - x1) / (y2 - y1)], [y2 - y1]];
    mean = plus(mean, times(K, plus(z, times(H, mean), -1)));
    P = plus(P, times(times(K, H), P), -1);
    filter.predict();
    filter.update([x1, y1, x2, y2]);
    for (const [i, axis] of [filter.x, filter.y, filter.aspect, filter.height].entries()) {
      expect(axis.value).toBeCloseTo(mean[i][0], 8);
      expect(axis.velocity).toBeCloseTo(mean[i + 4][0], 8);
      expect(axis.variances[0]).toBeCloseTo(P[i][i], 8);
      expect(axis.variances[1]).toBeCloseTo(P[i][i + 4], 8);
      expect(axis.variances[2]).toBeCloseTo(P[i + 4][i + 4], 8);
    }
  }
});
