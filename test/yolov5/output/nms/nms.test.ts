import { describe, expect, it } from "vitest";
import { NumericError, OptionError, ShapeError } from "../../../../src/errors.js";
import { seededRandom, tensor } from "../../../../src/tensor/index.js";
import { nonMaxSuppression } from "../../../../src/yolov5/output/nms/nms.js";
import { floats, postprocessFixture } from "../postprocessFixture.js";

/** A row from corners: xywh, objectness, classes. */
function row(box: readonly number[], objectness: number, ...classes: number[]): number[] {
  const [x1, y1, x2, y2] = box;
  return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, objectness, ...classes];
}

type Options = Parameters<typeof nonMaxSuppression>[1];

function run(rows: readonly (readonly number[])[], options?: Options) {
  return suppressed(Float32Array.from(rows.flat()), rows[0].length, options);
}

/** Of one image. */
function suppressed(data: Float32Array, columns: number, options?: Options) {
  return nonMaxSuppression(tensor("float32", [1, data.length / columns, columns], data), options)[0];
}

describe("nms against PyTorch's float32 arithmetic", () => {
  for (const [index, fixture] of postprocessFixture().nms.entries()) {
    for (const { options, kept } of fixture.runs) {
      it(`case ${index} ${JSON.stringify(options)}`, () => {
        const [, columns] = fixture.prediction.shape;
        const found = suppressed(floats(fixture.prediction), columns, {
          conf: options.conf,
          iou: options.iou,
          maxDet: options.max_det,
          classes: options.classes,
          agnostic: options.agnostic,
          multiLabel: options.multi_label,
          maskCoefficients: fixture.maskCoefficients,
        });
        expect(found.map((c) => [c.classIndex, c.row])).toEqual(kept.map((k) => (k.length === 2 ? k : [k[5], k[6]])));
        for (const [i, k] of kept.entries()) {
          if (k.length === 2) continue;
          const c = found[i];
          expect([c.x1, c.y1, c.x2, c.y2, c.confidence, ...(c.coefficients ?? [])]).toEqual([
            ...k.slice(0, 5),
            ...k.slice(7),
          ]);
        }
      });
    }
  }
});

describe("nms computed by hand", () => {
  it("adds the class offset in float32", () => {
    const a = row([10, 10, 13.67, 12.294], 0.9);
    const b = row([9.489, 10.903, 13.825, 12.775], 0.8);
    const ofClass = (base: number[], index: number) => [
      ...base,
      ...Array.from({ length: 80 }, (_, c) => +(c === index)),
    ];
    expect(run([ofClass(a, 79), ofClass(b, 79)])).toHaveLength(1);
    expect(run([ofClass(a, 79), ofClass(b, 79)], { agnostic: true })).toHaveLength(2);
    expect(run([ofClass(a, 0), ofClass(b, 0)])).toHaveLength(2);
  });

  it("keeps the lower index of equal scores, and boxes whose IoU equals the threshold", () => {
    const same = row([10, 10, 20, 20], 0.5, 1);
    expect(run([same, same]).map((c) => c.row)).toEqual([0]);
    const [left, right] = [row([0, 0, 3, 1], 0.9, 1), row([1, 0, 4, 1], 0.8, 1)];
    expect(run([left, right], { iou: 0.5 })).toHaveLength(2);
    expect(run([left, right], { iou: 0.4999 })).toHaveLength(1);
  });

  it("compares the float32 IoU with a float64 threshold", () => {
    // IoU 3/5: its float32 is above the double 0.6.
    const pair = [row([0, 0, 4, 1], 0.9, 1), row([1, 0, 5, 1], 0.8, 1)];
    expect(Math.fround(0.6)).toBeGreaterThan(0.6);
    expect(run(pair, { iou: 0.6 })).toHaveLength(1);
  });

  it("requires first objectness, then the product to exceed the threshold", () => {
    const box = [0, 0, 10, 10];
    expect(run([row(box, 0.25, 1)])).toEqual([]);
    expect(run([row(box, 0.5, 0.5)])).toEqual([]);
    expect(run([row(box, 0.2, 1)])).toEqual([]);
    expect(run([row(box, 0.5, 0.50001)])).toHaveLength(1);
    // 0.001 as a float32 is what a float32 0.001 is compared with.
    expect(run([row(box, 0.001, 1)], { conf: 0.001 })).toEqual([]);
  });

  it("keeps 30,000 boxes before suppression and maxDet after it", () => {
    const disjoint = Array.from({ length: 1200 }, (_, i) =>
      row(
        [(i % 40) * 20, Math.floor(i / 40) * 20, (i % 40) * 20 + 10, Math.floor(i / 40) * 20 + 10],
        0.5 + i / 4000,
        1,
      ),
    );
    const kept = run(disjoint);
    expect(kept.map((c) => c.row)).toEqual(Array.from({ length: 1000 }, (_, i) => 1199 - i));
    expect(run(disjoint, { maxDet: 1200 })).toHaveLength(1200);

    const many = Array.from({ length: 31000 }, (_, i) =>
      row(
        [(i % 200) * 20, Math.floor(i / 200) * 20, (i % 200) * 20 + 10, Math.floor(i / 200) * 20 + 10],
        0.3 + i / 1e5,
        1,
      ),
    );
    const all = run(many, { maxDet: 40000 });
    expect(all).toHaveLength(30000);
    expect(all.at(-1)?.row).toBe(1000);
  });

  it("takes the best class, or every one with multiLabel, and filters classes afterwards", () => {
    const rows = [row([0, 0, 10, 10], 1, 0.9, 0.8)];
    const classesOf = (options: Options) => run(rows, options).map((c) => c.classIndex);
    expect(classesOf({})).toEqual([0]);
    expect(classesOf({ multiLabel: true })).toEqual([0, 1]);
    expect(classesOf({ classes: [1] })).toEqual([]);
    expect(classesOf({ classes: [1], multiLabel: true })).toEqual([1]);
    expect(classesOf({ classes: [7] })).toEqual([]);
    // The first of equal classes.
    expect(run([row([0, 0, 10, 10], 1, 0.5, 0.5)]).map((c) => c.classIndex)).toEqual([0]);
    // One class: its confidence is objectness × class either way.
    expect(run([row([0, 0, 10, 10], 0.9, 0.5)], { multiLabel: true })[0].confidence).toBe(
      Math.fround(Math.fround(0.9) * 0.5),
    );
  });

  it("returns boxes for every image of a large batch", () => {
    const random = seededRandom(1);
    const rows = 30000;
    const one = new Float32Array(rows * 6);
    for (let i = 0; i < rows; i++) one.set([random() * 640, random() * 640, 8, 8, 0.3 + random() * 0.7, 1], i * 6);
    const batch = new Float32Array(4 * one.length);
    for (let n = 0; n < 4; n++) batch.set(one, n * one.length);
    const results = nonMaxSuppression(tensor("float32", [4, rows, 6], batch));
    expect(results.map((r) => r.length)).toEqual([1000, 1000, 1000, 1000]);
    expect(results[3]).toEqual(results[0]);
  });

  it("drops NaN scores and refuses boxes that are not finite", () => {
    const good = row([0, 0, 10, 10], 0.9, 0.5, 0.9);
    const withValue = (column: number, value: number) => good.map((v, i) => (i === column ? value : v));
    expect(run([withValue(4, Number.NaN), good]).map((c) => c.row)).toEqual([1]);
    for (const column of [5, 6]) expect(run([withValue(column, Number.NaN), good]).map((c) => c.row)).toEqual([1]);
    // Multi-label looks at each class alone.
    expect(run([withValue(5, Number.NaN)], { multiLabel: true }).map((c) => c.classIndex)).toEqual([1]);
    for (const column of [0, 1, 2, 3]) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => run([good, withValue(column, value)])).toThrow(NumericError);
      }
    }
    expect(() => run([withValue(2, Number.NaN)])).toThrow(/w=NaN .*row 0.*not finite/);
    // A row that fails the thresholds may hold anything.
    expect(run([good, [Number.NaN, 0, 0, 0, 0.1, 1, 1]])).toHaveLength(1);
  });

  it("refuses invalid options and shapes", () => {
    const rows = [row([0, 0, 1, 1], 1, 1)];
    expect(() => run(rows, { conf: 1.5 })).toThrow(OptionError);
    expect(() => run(rows, { maskCoefficients: 32 })).toThrow(ShapeError);
    expect(() => nonMaxSuppression(tensor("float32", [1, 6]))).toThrow(/\[N, rows, columns\]/);
    expect(nonMaxSuppression(tensor("float32", [2, 0, 6]))).toEqual([[], []]);
  });
});
