/** Windows cover a picture, and objects that their seams cut are one. */

import { describe, expect, test } from "vitest";
import { clipTo, iouOf, type Xyxy } from "../../src/boxes.js";
import { type MergeOptions, mergeBoxes, type WindowBox } from "../../src/solutions/slices/merge.js";
import { resolveSlices } from "../../src/solutions/slices/options.js";
import { boxOf, type Window, windowsOf } from "../../src/solutions/slices/windows.js";
import { randomNumbers } from "../support/random.js";

const OPTIONS: MergeOptions = { merge: "ios", threshold: 0.5, agnostic: false };
const PICTURE = { width: 1700, height: 1300 };

/** What an exact network finds of objects in a window: their visible parts. */
function seen(objects: readonly Xyxy[], windows: readonly Window[], score: () => number): WindowBox[] {
  return windows.flatMap((window, index) =>
    objects.flatMap((object): WindowBox[] => {
      const visible = clipTo(object, boxOf(window));
      const [width, height] = [visible[2] - visible[0], visible[3] - visible[1]];
      return width >= 4 && height >= 4 ? [{ xyxy: visible, score: score(), class: 0, window: index }] : [];
    }),
  );
}

describe("windows", () => {
  test.each([
    [1280, 1280, 640, 640, 0.2, 9],
    [640, 640, 640, 640, 0.2, 1],
    [641, 640, 640, 640, 0.2, 2],
    [300, 2000, 640, 640, 0.2, 4],
    [100, 50, 640, 640, 0.2, 1],
    [1280, 640, 640, 640, 0, 2],
    [20000, 20000, 640, 640, 0.2, 39 * 39],
  ])("%i×%i in windows of %i×%i that overlap by %f: %i", (width, height, w, h, overlap, count) => {
    expect(windowsOf({ width, height }, { width: w, height: h, overlap })).toHaveLength(count);
  });

  test("cover the picture, stay inside and overlap enough, whatever the sizes", () => {
    const random = randomNumbers(7);
    for (let k = 0; k < 500; k++) {
      const [width, height, w, h] = [3000, 3000, 900, 900].map((most) => 32 + Math.floor(random() * most));
      const overlap = random() * 0.9;
      const windows = windowsOf({ width, height }, { width: w, height: h, overlap });
      const columns = [...new Set(windows.map(({ x }) => x))].sort((a, b) => a - b);
      const rows = [...new Set(windows.map(({ y }) => y))].sort((a, b) => a - b);
      expect(windows).toHaveLength(columns.length * rows.length);
      for (const [starts, length, side] of [
        [columns, width, w],
        [rows, height, h],
      ] as const) {
        const own = Math.min(side, length);
        expect(starts[0]).toBe(0);
        expect(starts[starts.length - 1] + own).toBe(length);
        for (let i = 1; i < starts.length; i++) {
          // Rounded to whole pixels.
          expect(starts[i - 1] + own - starts[i]).toBeGreaterThanOrEqual(Math.floor(own * overlap) - 1);
        }
      }
    }
  });

  test.each([
    [{ width: 31 }, /width must be whole pixels from 32/],
    [{ width: 640.5 }, /width must be whole pixels/],
    [{ overlap: 0.95 }, /overlap must be between 0 and 0.9/],
    [{ overlap: Number.NaN }, /overlap must be between 0 and 0.9/],
    [{ merge: "nmm" }, /merge must be one of nms, iou, ios, got "nmm"/],
    [{ threshold: 2 }, /threshold must be between 0 and 1/],
    ["640", /slice must be true, a width in pixels or \{ width/],
  ])("%j is refused", (slice, message) => {
    expect(() => resolveSlices(slice as never)).toThrow(message);
  });
});

describe("an object that is cut by seams becomes one box, wherever it lies", () => {
  const windowsWith = (overlap: number): Window[] => windowsOf(PICTURE, { width: 640, height: 640, overlap });
  const whole: Window = { x: 0, y: 0, ...PICTURE };

  test.each([
    ["ios", 0.2, true],
    ["ios", 0.2, false],
    ["ios", 0, true],
    ["ios", 0, false],
    ["ios", 0.5, false],
    ["iou", 0.2, true],
    ["iou", 0.2, false],
    ["iou", 0, true],
  ] as const)("%s, windows that overlap by %f, with the whole picture: %s", (merge, overlap, withWhole) => {
    const windows = withWhole ? [whole, ...windowsWith(overlap)] : windowsWith(overlap);
    const random = randomNumbers(11);
    for (let k = 0; k < 1500; k++) {
      const [w, h] = [20 + random() * 900, 20 + random() * 900];
      const [x, y] = [random() * (PICTURE.width - w), random() * (PICTURE.height - h)];
      const object: Xyxy = [x, y, x + w, y + h];
      const boxes = seen([object], windows, () => 0.5 + random() / 2);
      const merged = mergeBoxes(boxes, windows, PICTURE, { ...OPTIONS, merge });
      expect(merged, JSON.stringify(object)).toHaveLength(1);
      // Less than a part that is too thin to be seen may be missing.
      for (const [i, value] of merged[0].xyxy.entries()) expect(Math.abs(value - object[i])).toBeLessThan(4.01);
      expect(boxes[merged[0].best].score).toBe(Math.max(...boxes.map(({ score }) => score)));
    }
  });

  test.each(["iou", "ios"] as const)("%s: also if the network's edges are a few pixels off", (merge) => {
    const windows = [whole, ...windowsWith(0.2)];
    const random = randomNumbers(12);
    const off = (): number => (random() - 0.5) * 8;
    for (let k = 0; k < 1500; k++) {
      const [w, h] = [60 + random() * 500, 60 + random() * 500];
      const [x, y] = [random() * (PICTURE.width - w), random() * (PICTURE.height - h)];
      const object: Xyxy = [x, y, x + w, y + h];
      const boxes = seen([object], windows, () => 0.5 + random() / 2)
        .filter(({ xyxy: [x1, y1, x2, y2] }) => x2 - x1 > 24 && y2 - y1 > 24)
        .map((box): WindowBox => {
          const { x: left, y: top, width, height } = windows[box.window];
          const [x1, y1, x2, y2] = box.xyxy;
          const moved: Xyxy = [x1 + off(), y1 + off(), x2 + off(), y2 + off()];
          return { ...box, xyxy: clipTo(moved, [left, top, left + width, top + height]) };
        });
      const merged = mergeBoxes(boxes, windows, PICTURE, { ...OPTIONS, merge });
      expect(merged, JSON.stringify(object)).toHaveLength(1);
      expect(iouOf(merged[0].xyxy, object)).toBeGreaterThan(0.75);
    }
  });

  test("objects side by side stay apart, with as many boxes as objects", () => {
    const windows = [whole, ...windowsWith(0.2)];
    const random = randomNumbers(13);
    for (let k = 0; k < 60; k++) {
      // A jittered lattice: no two objects overlap.
      const [side, gap] = [60 + random() * 180, 8];
      const objects: Xyxy[] = [];
      for (let y = 0; y + side < PICTURE.height; y += side + gap) {
        for (let x = 0; x + side < PICTURE.width; x += side + gap) {
          objects.push([x, y, x + side * (0.5 + random() / 2), y + side * (0.5 + random() / 2)]);
        }
      }
      const boxes = seen(objects, windows, () => 0.5 + random() / 2);
      const merged = mergeBoxes(boxes, windows, PICTURE, OPTIONS);
      expect(merged).toHaveLength(objects.length);
      for (const object of objects) {
        expect(Math.max(...merged.map(({ xyxy }) => iouOf(xyxy, object)))).toBeGreaterThan(0.9);
      }
    }
  });
});

describe("merging", () => {
  const windows = windowsOf({ width: 1100, height: 640 }, { width: 640, height: 640, overlap: 0.2 });
  const picture = { width: 1100, height: 640 };
  const box = (xyxy: Xyxy, window: number, score: number, index = 0): WindowBox => ({
    xyxy,
    window,
    score,
    class: index,
  });
  const merge = (boxes: readonly WindowBox[], options: Partial<MergeOptions> = {}) =>
    mergeBoxes(boxes, windows, picture, { ...OPTIONS, ...options });

  test("boxes of one window are never merged, because its own NMS kept them", () => {
    const boxes = [box([100, 100, 200, 200], 0, 0.9), box([110, 100, 210, 200], 0, 0.8)];
    for (const how of ["nms", "iou", "ios"] as const) expect(merge(boxes, { merge: how })).toHaveLength(2);
  });

  test("classes stay apart, unless agnostic", () => {
    const boxes = [box([500, 100, 600, 200], 0, 0.9, 1), box([500, 100, 600, 200], 1, 0.8, 2)];
    expect(merge(boxes)).toHaveLength(2);
    expect(merge(boxes, { agnostic: true })).toEqual([{ xyxy: [500, 100, 600, 200], best: 0, parts: [0] }]);
  });

  test("nms keeps the stronger box unchanged, and a part cut off by a seam remains", () => {
    const boxes = [
      box([400, 100, 640, 200], 0, 0.6),
      box([520, 100, 760, 200], 1, 0.9),
      box([520, 100, 700, 200], 0, 0.3),
    ];
    const kept = merge(boxes, { merge: "nms" });
    expect(kept.map(({ best }) => best)).toEqual([1, 0]);
    expect(kept[0].xyxy).toEqual([520, 100, 760, 200]);
  });

  test("a small whole object in front of a large one is kept, a cut part is merged", () => {
    const large = box([480, 100, 900, 500], 1, 0.9);
    const child = box([500, 300, 560, 500], 0, 0.8);
    expect(merge([large, child])).toHaveLength(2);
    // A person, the lower part of whom another hides, beside it in the other window: neither explains the other.
    const neighbour = box([560, 100, 640, 640], 0, 0.8);
    expect(merge([box([480, 200, 900, 640], 1, 0.9), neighbour])).toHaveLength(2);
    const part = box([500, 150, 640, 500], 0, 0.8);
    expect(merge([large, part])).toHaveLength(1);
    expect(merge([large, part])[0].xyxy).toEqual(large.xyxy);
  });

  test("a box of low confidence does not move a confident one", () => {
    const sure = box([300, 100, 640, 300], 0, 0.9);
    const faint = box([470, 90, 1000, 320], 1, 0.05);
    expect(merge([sure, faint])[0].xyxy).toEqual(sure.xyxy);
  });

  test("results are sorted by confidence, descending, and ties keep their order", () => {
    const boxes = [0.3, 0.9, 0.6, 0.9].map((score, i) => box([i * 100, 0, i * 100 + 50, 50], 0, score));
    expect(merge(boxes).map(({ best }) => best)).toEqual([1, 3, 2, 0]);
  });

  test("100,000 boxes are merged without comparing all pairs", () => {
    const big = { width: 20000, height: 20000 };
    const many = windowsOf(big, { width: 640, height: 640, overlap: 0.2 });
    const random = randomNumbers(3);
    const boxes = many.flatMap(({ x, y }, window) =>
      Array.from({ length: 66 }, (): WindowBox => {
        const [left, top] = [x + random() * 600, y + random() * 600];
        return { xyxy: [left, top, left + 30, top + 30], score: random(), class: 0, window };
      }),
    );
    expect(boxes.length).toBeGreaterThan(100_000);
    const merged = mergeBoxes(boxes, many, big, OPTIONS);
    expect(merged.length).toBeGreaterThan(50_000);
    expect(merged.length).toBeLessThanOrEqual(boxes.length);
  });
});
