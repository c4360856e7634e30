/** Zones know who is inside, and for how long. */

import { describe, expect, test } from "vitest";
import { Zone, type ZoneEvent } from "../../src/solutions/counting/zone.js";
import { contains, type Point, pointsOf, touches } from "../../src/solutions/geometry.js";
import { randomNumbers } from "../support/random.js";
import { boxAt } from "./support.js";

const SQUARE: readonly Point[] = [
  [100, 100],
  [300, 100],
  [300, 300],
  [100, 300],
];

function walk(zone: Zone, places: readonly (readonly [number, number])[], track = 1): ZoneEvent[] {
  return places.flatMap(([x, y], i) => zone.update([boxAt(track, x, y)], { time: i / 10, frame: i + 1 }));
}

const through = Array.from({ length: 41 }, (_, i) => [i * 10, 200] as const);

test("an outline without an inside is refused", () => {
  for (const [points, why] of [
    [[0, 0, 10, 0, 20, 0], "has no area"],
    [[5, 5, 5, 5, 5, 5], "has no area"],
    [[0.1, 0.3, 0.2, 0.6, 0.7, 2.1], "has no area"],
    [[0, 0, 10, 10, 10, 0, 0, 10], "crosses itself"],
    [[0, 0, 10, 0, 10, 10, 5, -5, 0, 10], "crosses itself"],
  ] as const) {
    expect(() => new Zone(pointsOf(points))).toThrow(`zone: ${why}; give its corners in their order around it`);
  }
  // Not convex, with a corner on another side, and turned the other way.
  for (const points of [
    [0, 0, 10, 0, 10, 10, 5, 5, 0, 10],
    [0, 0, 10, 0, 10, 10, 5, 0, 0, 10],
    [0, 10, 10, 10, 10, 0],
  ]) {
    expect(new Zone(pointsOf(points)).points).toHaveLength(points.length / 2);
  }
});

test("recognises outlines outside a picture", () => {
  const picture = { width: 100, height: 50 };
  const lies = (...numbers: number[]): boolean => !touches(pointsOf(numbers), picture);
  expect([lies(200, 0, 200, 50), lies(-5, -5, 40, -1), lies(110, 0, 200, 0, 200, 50)]).toEqual([true, true, true]);
  expect([lies(10, 10, 20, 20), lies(-10, 25, 200, 25), lies(-9, -9, 300, -9, 300, 300, -9, 300)]).toEqual([
    ...[false, false, false],
  ]);
});

test("walking through counts as entering, leaving, and the time in between", () => {
  const zone = new Zone(SQUARE, { name: "desk" });
  const events = walk(zone, through);
  expect(events).toEqual([
    { event: "enter", zone: "desk", track: 1, class: 6, name: "person", time: 1.1, frame: 12 },
    {
      event: "exit",
      zone: "desk",
      track: 1,
      class: 6,
      name: "person",
      time: 3.1,
      frame: 32,
      dwell: 2,
    },
  ]);
  const dwell = { mean: 2, longest: 2, total: 2 };
  expect(zone.counts).toEqual({
    ...{ name: "desk", occupancy: {}, most: 1, entries: { person: 1 }, exits: { person: 1 }, dwell },
  });
});

test("jitter at the outline changes nothing", () => {
  const random = randomNumbers(4);
  const zone = new Zone(SQUARE);
  expect(walk(zone, through.slice(0, 21)).map(({ event }) => event)).toEqual(["enter"]);
  for (let i = 0; i < 5000; i++) {
    expect(zone.update([boxAt(1, 300 + (random() - 0.5) * 9, 200)])).toEqual([]);
  }
  expect(zone.totals).toEqual({ occupancy: 1, entries: 1, exits: 0 });
});

test("objects first or last seen inside: entries minus exits equal the occupancy, and events are marked", () => {
  const zone = new Zone(SQUARE, { patience: 5 });
  const inside = through.slice(15, 22);
  const [entered, ...none] = walk(zone, inside);
  expect(entered).toMatchObject({ event: "enter", unseen: true, frame: 3 });
  expect(none).toEqual([]);
  const events: ZoneEvent[] = [];
  for (let i = 0; i < 10; i++) events.push(...zone.update([], { time: 1 + i, frame: 8 + i }));
  // When it was last seen, not when that was noticed; since it was first seen, not since it was old enough.
  expect(events).toEqual([expect.objectContaining({ event: "exit", unseen: true, frame: 7, time: 0.6, dwell: 0.6 })]);
  expect(zone.totals).toEqual({ occupancy: 0, entries: 1, exits: 1 });
});

test("an object seen for a moment is not counted", () => {
  const zone = new Zone(SQUARE);
  for (let id = 0; id < 40; id++)
    expect(
      walk(
        zone,
        [
          [200, 200],
          [200, 200],
        ],
        id,
      ),
    ).toEqual([]);
  expect(zone.counts).toEqual({ name: "zone", occupancy: {}, most: 0, entries: {}, exits: {} });
});

test("2,000 random walks: the occupancy equals the objects inside and entries minus exits at every step", () => {
  const random = randomNumbers(9);
  const star: Point[] = Array.from({ length: 10 }, (_, i) => {
    const [angle, radius] = [(i / 10) * 2 * Math.PI, i % 2 ? 120 : 400];
    return [500 + radius * Math.cos(angle), 500 + radius * Math.sin(angle)];
  });
  // Without a margin, so that the plain rule is the truth.
  const zone = new Zone(star, { margin: 0, minAge: 1, patience: 3 });
  const places = Array.from({ length: 2000 }, () => [random() * 1000, random() * 1000] as [number, number]);
  let most = 0;
  for (let frame = 0; frame < 40; frame++) {
    for (const place of places) {
      place[0] += (random() - 0.5) * 60;
      place[1] += (random() - 0.5) * 60;
    }
    zone.update(places.map(([x, y], i) => boxAt(i, x, y)));
    const truth = places.filter((place) => contains(star, place)).length;
    const { occupancy, entries, exits } = zone.totals;
    expect(occupancy).toBe(truth);
    expect(entries - exits).toBe(truth);
    most = Math.max(most, truth);
  }
  expect(zone.counts.most).toBe(most);
});

describe("points", () => {
  test("are fractions if none is above 1, else pixels", () => {
    const picture = { width: 640, height: 480 };
    expect(pointsOf([0, 0.5, 1, 0.5], picture)).toEqual([
      [0, 240],
      [640, 240],
    ]);
    expect(pointsOf([0, 0.5, 2, 0.5], picture)).toEqual([
      [0, 0.5],
      [2, 0.5],
    ]);
    expect(() => pointsOf([1, 2, 3])).toThrow(/x, y, x, y, …, got 1, 2, 3/);
  });

  test("fewer than three are no zone", () => {
    expect(() => new Zone(SQUARE.slice(0, 2))).toThrow(/zone: needs three points or more, got 2/);
    expect(() => new Zone(SQUARE, { patience: -1 })).toThrow(/zone: patience must be a whole number of frames, got -1/);
  });
});
