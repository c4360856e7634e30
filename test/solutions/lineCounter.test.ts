/** Lines count each crossing once. */

import { describe, expect, test } from "vitest";
import { LineCounter, type LineEvent } from "../../src/solutions/counting/lineCounter.js";
import { randomNumbers } from "../support/random.js";
import { boxAt } from "./support.js";

/** From the left to the right of the picture at y = 300: in is downwards. */
const across = (options = {}): LineCounter => new LineCounter([0, 300], [600, 300], { name: "door", ...options });

function walk(line: LineCounter, places: readonly (readonly [number, number])[], track = 1): LineEvent[] {
  return places.flatMap(([x, y]) => line.update([boxAt(track, x, y)]));
}

const down = Array.from({ length: 21 }, (_, i) => [300, 200 + i * 10] as const);

test("a crossing is counted once, with direction, frame, time and class", () => {
  const line = across();
  const events = down.flatMap(([x, y], i) => line.update([boxAt(7, x, y)], { frame: i + 1, time: i / 10 }));
  expect(events).toEqual([
    { event: "line", line: "door", direction: "in", track: 7, class: 6, name: "person", frame: 12, time: 1.1 },
  ]);
  expect(walk(line, down.toReversed(), 7).map(({ direction }) => direction)).toEqual(["out"]);
  expect(line.counts).toEqual({ name: "door", in: { person: 1 }, out: { person: 1 } });
  expect(line.figure).toEqual({ points: [0, 300, 600, 300], closed: false, label: "door: 1 in, 1 out" });
});

test("in is from left to right, looking along the line", () => {
  for (const [from, to, direction] of [
    [[0, 300], [600, 300], "in"],
    [[600, 300], [0, 300], "out"],
  ] as const) {
    expect(walk(new LineCounter(from, to), down).map((event) => event.direction)).toEqual([direction]);
  }
});

test("classes are counted separately, whatever their names", () => {
  const line = across();
  for (const [x, y] of down)
    line.update([boxAt(1, x, y, "__proto__"), boxAt(2, x, y, "constructor"), boxAt(3, x, y, "car")]);
  const { in: inwards } = line.counts;
  expect(Object.entries(inwards).sort()).toEqual([
    ["__proto__", 1],
    ["car", 1],
    ["constructor", 1],
  ]);
});

describe("what is not a crossing", () => {
  test("a path next to the line, or around its end", () => {
    const beside = down.map(([, y]) => [650, y] as const);
    expect(walk(across(), beside)).toEqual([]);
    const around = [...down.slice(0, 5), [700, 240], [700, 360], ...down.slice(-3)] as const;
    expect(walk(across(), around)).toEqual([]);
  });

  test("jitter at the line, for however long", () => {
    const random = randomNumbers(5);
    const line = across();
    expect(walk(line, down.slice(0, 8))).toEqual([]);
    for (let i = 0; i < 5000; i++) expect(walk(line, [[300, 300 + (random() - 0.5) * 9]])).toEqual([]);
    // Going on is one crossing, going back none.
    expect(walk(line, down.slice(-6))).toHaveLength(1);
  });

  test("boxes without an ID, or with NaN", () => {
    const line = across();
    for (const [x, y] of down) line.update([boxAt(undefined, x, y), boxAt(1, Number.NaN, y)]);
    expect(line.totals).toEqual({ in: 0, out: 0 });
  });

  test("an object that first appears at the line, so its side of origin is unknown", () => {
    expect(walk(across(), [[300, 299], ...down.slice(11)])).toEqual([]);
  });
});

test("an object that crosses out of sight is counted when it is seen again", () => {
  expect(walk(across(), [...down.slice(0, 6), ...down.slice(16)])).toHaveLength(1);
});

test("an object that crosses too young is counted once it is old enough", () => {
  const steep = [
    [300, 200],
    [300, 400],
  ] as const;
  expect(walk(across({ minAge: 5 }), steep)).toEqual([]);
  const old = across({ minAge: 5 });
  expect(walk(old, [...steep, [300, 420], [300, 440], [300, 460], [300, 480]])).toHaveLength(1);
  // A flicker of two frames is no object.
  const flicker = across({ minAge: 5 });
  for (let id = 0; id < 50; id++) expect(walk(flicker, steep, id)).toEqual([]);
});

test("10,000 random walks with known crossings: no error", () => {
  const random = randomNumbers(2026);
  for (let track = 0; track < 10_000; track++) {
    // A line anywhere, in any direction.
    const angle = random() * 2 * Math.PI;
    const [ux, uy] = [Math.cos(angle), Math.sin(angle)];
    const [cx, cy] = [random() * 1000, random() * 1000];
    const half = 100 + random() * 300;
    const line = new LineCounter([cx - ux * half, cy - uy * half], [cx + ux * half, cy + uy * half]);
    // The margin is a tenth of the box's size, √(40 · 60) = 49 times the scale.
    const size = 0.5 + random();
    const margin = 0.1 * Math.sqrt(2400) * size;
    /** A place by its distance to the right of the line, and along it in half lengths. */
    const place = (right: number, along: number): readonly [number, number] => [
      cx + ux * half * along - uy * right,
      cy + uy * half * along + ux * right,
    ];
    const truth = { in: 0, out: 0 };
    let side = random() < 0.5 ? 1 : -1;
    let along = (random() - 0.5) * 1.6;
    const places: (readonly [number, number])[] = [];
    const stay = (frames: number): void => {
      for (let i = 0; i < frames; i++) {
        along = Math.min(Math.max(along + (random() - 0.5) * 0.1, -0.9), 0.9);
        places.push(place(side * margin * (1.01 + random() * 5), along));
      }
    };
    stay(4);
    for (let turn = Math.floor(random() * 5); turn > 0; turn--) {
      const kind = random();
      // Near the line, on both sides of it by turns.
      const jitter = Math.floor(random() * 12);
      for (let i = 0; i < jitter; i++) places.push(place((random() - 0.5) * 1.98 * margin, along));
      if (kind < 0.6) {
        side = -side;
        truth[side > 0 ? "in" : "out"]++;
      } else if (kind < 0.8) {
        // Around an end: first back to its own side, then past the end, then to the other side.
        const end = random() < 0.5 ? -1 : 1;
        places.push(place(side * margin * 3, along), place(side * margin * 3, end * 1.5));
        side = -side;
        places.push(place(side * margin * 3, end * 1.5), place(side * margin * 3, along));
      }
      stay(1 + Math.floor(random() * 6));
    }
    for (const [x, y] of places) line.update([boxAt(track, x, y, "person", size)]);
    expect(line.totals, `walk ${track}`).toEqual(truth);
  }
});

test("many objects at once do not interfere, and reset forgets all of them", () => {
  const line = across();
  for (const [, y] of down) line.update(Array.from({ length: 200 }, (_, i) => boxAt(i, 3 * i, i % 2 ? y : 600 - y)));
  expect(line.totals).toEqual({ in: 100, out: 100 });
  line.reset();
  expect(line.counts).toEqual({ name: "door", in: {}, out: {} });
});

test.each([
  [() => new LineCounter([1, 1], [1, 1]), /line: needs two different points, got 1,1 and 1,1/],
  [() => across({ margin: -1 }), /line: margin must be between 0 and 10/],
  [() => across({ minAge: 0 }), /line: minAge must be a whole number of at least 1, got 0/],
  [() => across({ anchor: "head" }), /line: anchor must be centre or feet, got head/],
])("%# is refused", (make, message) => {
  expect(make).toThrow(message);
});
