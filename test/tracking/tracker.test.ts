/** Synthetic scenes: who is who must be known at every frame. */

import { describe, expect, test } from "vitest";
import { OptionError } from "../../src/errors.js";
import { Tracker, type TrackerAlgorithm, type TrackerBox, Trails } from "../../src/tracking/index.js";

/** A box of 40 × 80 around (x, y). */
const at = (x: number, y: number, score = 0.9, classIndex = 0): TrackerBox => ({
  xyxy: [x - 20, y - 40, x + 20, y + 40],
  score,
  class: classIndex,
});

/** Ids by the order of the boxes, 0 where a box has none. */
function ids(tracker: Tracker, boxes: readonly TrackerBox[]): number[] {
  const tracks = tracker.update(boxes);
  return boxes.map((_, i) => tracks.find(({ box }) => box === i)?.id ?? 0);
}

describe.each<TrackerAlgorithm>(["bytetrack", "sort"])("%s", (algorithm) => {
  test("two objects that pass each other keep their IDs", () => {
    const tracker = new Tracker({ algorithm });
    for (let frame = 0; frame < 60; frame++) {
      // Given in turns, so that the order of the boxes tells nothing; 30 px apart in height when they pass.
      const [a, b] = [at(50 + 6 * frame, 100), at(404 - 6 * frame, 130)];
      expect(frame % 2 === 0 ? ids(tracker, [a, b]) : ids(tracker, [b, a]).reverse()).toEqual([1, 2]);
    }
    expect(tracker.count).toBe(2);
  });

  test("an object seen again where its motion leads keeps its ID", () => {
    const tracker = new Tracker({ algorithm });
    for (let frame = 0; frame < 20; frame++) expect(ids(tracker, [at(50 + 5 * frame, 100)])).toEqual([1]);
    for (let frame = 20; frame < 32; frame++) {
      expect(tracker.update([])).toEqual([]);
      const [lost] = tracker.lost;
      expect(lost.missed).toBe(frame - 19);
      expect((lost.xyxy[0] + lost.xyxy[2]) / 2).toBeCloseTo(50 + 5 * frame, -1);
    }
    expect(ids(tracker, [at(50 + 5 * 32, 100)])).toEqual([1]);
    expect(tracker.lost).toEqual([]);
  });

  test("after the buffer an object gets a new ID", () => {
    const back = (missing: number): number => {
      const tracker = new Tracker({ algorithm, buffer: 10, minHits: 1 });
      tracker.update([at(100, 100)]);
      tracker.update([at(100, 100)]);
      for (let i = 0; i < missing; i++) tracker.update([]);
      return ids(tracker, [at(100, 100)])[0];
    };
    expect(back(10)).toBe(1);
    expect(back(11)).toBe(2);
  });

  test("a single detection gets no ID, and an object that stays gets the next one", () => {
    const tracker = new Tracker({ algorithm });
    tracker.update([at(100, 100)]);
    expect(ids(tracker, [at(100, 100), at(300, 100)])).toEqual([1, 0]);
    expect(ids(tracker, [at(100, 100)])).toEqual([1]);
    const seen: number[] = [];
    for (let frame = 0; frame < 4; frame++) seen.push(ids(tracker, [at(100, 100), at(300, 200)])[1]);
    expect(seen).toEqual(algorithm === "sort" ? [0, 0, 2, 2] : [0, 2, 2, 2]);
  });

  test("classes are kept apart unless disabled", () => {
    const changing = (classAware: boolean): number => {
      const tracker = new Tracker({ algorithm, classAware, minHits: 1 });
      tracker.update([at(100, 100, 0.9, 3)]);
      return ids(tracker, [at(100, 100, 0.9, 7)])[0];
    };
    expect(changing(true)).toBe(2);
    expect(changing(false)).toBe(1);
  });

  test("200 objects in a grid keep their IDs", () => {
    const tracker = new Tracker({ algorithm });
    for (let frame = 0; frame < 5; frame++) {
      const boxes = Array.from({ length: 200 }, (_, i) => at(60 * (i % 20) + 2 * frame, 100 * Math.floor(i / 20)));
      expect(ids(tracker, boxes)).toEqual(boxes.map((_, i) => i + 1));
    }
  });
});

describe("low scores", () => {
  /** Walks in full view, then half hidden behind something (0.25), then in full view again. */
  const scores = [
    ...new Array<number>(10).fill(0.9),
    ...new Array<number>(40).fill(0.25),
    ...new Array<number>(10).fill(0.9),
  ];
  const run = (algorithm: TrackerAlgorithm): number[] => {
    const tracker = new Tracker({ algorithm });
    return scores.map((score, frame) => ids(tracker, [at(50 + 4 * frame + 25 * Math.sin(frame / 6), 100, score)])[0]);
  };

  test("ByteTrack follows them in its second round", () => {
    expect(run("bytetrack")).toEqual(scores.map(() => 1));
  });

  test("SORT does not, and the object returns with another ID", () => {
    const found = run("sort");
    expect(found.slice(10, 50)).toEqual(new Array(40).fill(0));
    expect(found.at(-1)).toBe(2);
  });

  test("begin no track, revive no lost one, and are ignored below `low`", () => {
    const tracker = new Tracker();
    for (let frame = 0; frame < 5; frame++) expect(ids(tracker, [at(100, 100), at(300, 100, 0.3)])).toEqual([1, 0]);
    tracker.update([]);
    tracker.update([]);
    expect(ids(tracker, [at(100, 100, 0.3)])).toEqual([0]);
    expect(ids(tracker, [at(100, 100)])).toEqual([1]);
    expect(ids(tracker, [at(100, 100, 0.05)])).toEqual([0]);
  });

  test.each([
    [0.25, 0.34, 0.36],
    [0.5, 0.59, 0.61],
    [0.9, 0.94, 0.96],
    [0.98, 0.985, 0.995],
  ])("with `high` %d, %d begins no track and %d does", (high, below, above) => {
    expect(ids(new Tracker({ high }), [at(100, 100, below)])).toEqual([0]);
    expect(ids(new Tracker({ high }), [at(100, 100, above)])).toEqual([1]);
  });

  test("between `high` and `begin` continue tracks but begin none", () => {
    const tracker = new Tracker({ high: 0.5, begin: 0.7 });
    for (let frame = 0; frame < 4; frame++) expect(ids(tracker, [at(100, 100, 0.6)])).toEqual([0]);
    expect(ids(tracker, [at(100, 100, 0.8)])).toEqual([0]);
    expect(ids(tracker, [at(100, 100, 0.6)])).toEqual([1]);
  });
});

test("an object hidden while passing is lost and found again, and no IDs are swapped", () => {
  const tracker = new Tracker();
  for (let frame = 0; frame < 60; frame++) {
    const [front, behind] = [at(50 + 6 * frame, 100), at(404 - 6 * frame, 100)];
    const hidden = Math.abs(front.xyxy[0] - behind.xyxy[0]) < 40;
    if (hidden) expect(ids(tracker, [front]), `frame ${frame}`).toEqual([1]);
    else expect(ids(tracker, [front, behind]), `frame ${frame}`).toEqual([1, 2]);
  }
  expect(tracker.count).toBe(2);
});

test("IDs are never reused, and start anew after reset", () => {
  const tracker = new Tracker({ buffer: 0, minHits: 1 });
  expect(ids(tracker, [at(100, 100)])).toEqual([1]);
  tracker.update([]);
  expect(ids(tracker, [at(100, 100)])).toEqual([2]);
  tracker.reset();
  expect([tracker.count, tracker.lost]).toEqual([0, []]);
  expect(ids(tracker, [at(100, 100)])).toEqual([1]);
});

test("a box without area is skipped, and NaN is refused", () => {
  const tracker = new Tracker();
  expect(tracker.update([{ xyxy: [5, 5, 5, 9], score: 1 }])).toEqual([]);
  expect(() => tracker.update([{ xyxy: [0, 0, Number.NaN, 1], score: 1 }])).toThrow(/box 0 has \[0, 0, NaN, 1\]/);
  expect(() => tracker.update([at(1, 1, Number.NaN)])).toThrow(OptionError);
});

test.each([
  [{ high: 1.5 }, "tracker: high must be a score between 0 and 1, got 1.5"],
  [{ high: 0.3, low: 0.4 }, "tracker: low 0.4 must not be above high 0.3"],
  [{ buffer: -1 }, "tracker: buffer must be a whole number of at least 0, got -1"],
  [{ minHits: 0 }, "tracker: minHits must be a whole number of at least 1, got 0"],
  [{ algorithm: "kcf" as TrackerAlgorithm }, "tracker: algorithm must be bytetrack or sort, got kcf"],
])("%j is refused", (options, message) => {
  expect(() => new Tracker(options)).toThrow(message);
});

test("trails hold the last points of visible objects and expire", () => {
  const trails = new Trails(3, 2);
  for (let x = 0; x < 5; x++) trails.update([{ id: 7, x, y: 1 }]);
  expect(trails.update([{ id: 7, x: 5, y: 1 }])).toEqual([{ id: 7, points: [3, 1, 4, 1, 5, 1] }]);
  trails.update([]);
  trails.update([]);
  expect(trails.update([{ id: 7, x: 9, y: 2 }])[0].points).toEqual([4, 1, 5, 1, 9, 2]);
  for (let i = 0; i < 3; i++) trails.update([]);
  expect(trails.update([{ id: 7, x: 0, y: 0 }])[0].points).toEqual([0, 0]);
});
