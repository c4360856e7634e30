/** NumPy's, OpenCV's and PyTorch's answers (test/fixtures/eval/make.py) for the routines that val is built from. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { fillPolygon } from "../../../src/eval/fillPolygon.js";
import { sampleDown } from "../../../src/eval/masks.js";
import { IOU_THRESHOLDS } from "../../../src/eval/metrics/matching.js";
import { argMax, firstNotBelow, interpolate, linspace, mean, smooth } from "../../../src/eval/metrics/numeric.js";
import { numpyArgsort } from "../../../src/yolov5/input/numpySort.js";
import { REPOSITORY } from "../../support/reference.js";

interface Fixture {
  readonly argsort: readonly { readonly values: readonly number[]; readonly order: readonly number[] }[];
  readonly interp: Readonly<Record<"x" | "xs" | "ys" | "plain" | "ends", readonly number[]>>;
  readonly iouThresholds: readonly number[];
  readonly polygons: readonly {
    readonly width: number;
    readonly height: number;
    readonly points: readonly number[];
    readonly rows: readonly string[];
    readonly small: readonly string[];
  }[];
}

const fixture = JSON.parse(
  readFileSync(join(REPOSITORY, "test", "fixtures", "eval", "numeric.json"), "utf8"),
) as Fixture;

function rowsOf(data: Uint8Array, width: number): string[] {
  return Array.from({ length: data.length / width }, (_, y) => data.subarray(y * width, (y + 1) * width).join(""));
}

describe("NumPy's semantics", () => {
  it.each(fixture.argsort)("argsort orders ties as NumPy does ($values.length values)", ({ values, order }) => {
    expect(Array.from(numpyArgsort(values))).toEqual(order);
  });

  test("argsort sorts inputs on which introsort falls back", () => {
    const { length } = { length: 3000 };
    // Median-of-three killer: every other pick is among the smallest.
    const values = Array.from({ length }, (_, i) => (i % 2 === 0 ? i : length - i));
    const order = numpyArgsort(values);
    expect(new Set(order).size).toBe(length);
    for (let i = 1; i < length; i++) expect(values[order[i - 1]]).toBeLessThanOrEqual(values[order[i]]);
  });

  test("interp handles repeated xs and ends", () => {
    const { x, xs, ys, plain, ends } = fixture.interp;
    expect(Array.from(interpolate(x, xs, ys))).toEqual(plain);
    expect(Array.from(interpolate(x, xs, ys, -1, 9))).toEqual(ends);
  });

  test("linspace hits its end exactly", () => {
    expect(Array.from(linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(linspace(0, 1, 101)[100]).toBe(1);
  });

  test("searchsorted, mean and argmax treat ties as NumPy does", () => {
    expect([0, 0.5, 0.6, 2].map((v) => firstNotBelow([0.5, 0.5, 1], v))).toEqual([0, 0, 2, 3]);
    expect(mean([])).toBe(0);
    expect(mean([1, 2, 6])).toBe(3);
    expect(argMax([1, 3, 3, 2])).toBe(1);
  });

  test("smooth averages an odd window and repeats the ends", () => {
    // 20 values × 0.1: a window of 3.
    const values = Array.from({ length: 20 }, (_, i) => (i === 10 ? 3 : 0));
    expect(Array.from(smooth(values, 0.1)).map((v) => Math.round(v * 1e9) / 1e9)).toEqual(
      values.map((_, i) => (Math.abs(i - 10) <= 1 ? 1 : 0)),
    );
    expect(smooth([6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.1)[0]).toBeCloseTo(4, 12);
  });
});

test("IoU thresholds are torch.linspace's float32 values", () => {
  expect(Array.from(IOU_THRESHOLDS)).toEqual(fixture.iouThresholds);
});

describe("masks of outlines", () => {
  it.each(fixture.polygons)("fillPoly draws $points.length coordinates in $width×$height", (polygon) => {
    const { width, height, points, rows } = polygon;
    const data = new Uint8Array(width * height);
    fillPolygon({ width, height, data }, Int32Array.from(points));
    expect(rowsOf(data, width)).toEqual(rows);
  });

  it.each(fixture.polygons)(
    "$width×$height are downsampled to a quarter as in torch",
    ({ width, height, rows, small }) => {
      const bitmap = Uint8Array.from(rows.join(""), Number);
      const size = [Math.floor(height / 4), Math.floor(width / 4)] as const;
      expect(rowsOf(sampleDown(bitmap, [height, width], size), size[1])).toEqual(small);
    },
  );

  test("points outside the bitmap are clipped", () => {
    const data = new Uint8Array(16);
    fillPolygon({ width: 4, height: 4, data }, Int32Array.of(-3, 1, 9, 1, 9, 2, -3, 2));
    expect(rowsOf(data, 4)).toEqual(["0000", "1111", "1111", "0000"]);
    fillPolygon({ width: 4, height: 4, data }, Int32Array.of(20, 20, 30, 20, 30, 30));
    expect(rowsOf(data, 4)).toEqual(["0000", "1111", "1111", "0000"]);
  });
});
