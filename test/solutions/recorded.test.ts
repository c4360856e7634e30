/**
 * Boxes and IDs that yolov5n and ByteTrack gave for a real clip (one-by-one-person-detection.mp4, Intel, CC BY 4.0): six people
 * come to a table in the middle, stand there, and leave to the right, one after the other. Judged by looking at the frames.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LineCounter, type LineEvent } from "../../src/solutions/counting/lineCounter.js";
import type { TrackedBox } from "../../src/solutions/counting/tracked.js";
import { Zone, type ZoneEvent } from "../../src/solutions/counting/zone.js";
import { pointsOf } from "../../src/solutions/geometry.js";
import { REPOSITORY } from "../support/reference.js";

interface Recorded {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: number;
  /** frame, track, xmin, ymin, xmax, ymax. */
  readonly boxes: readonly (readonly number[])[];
}

const clip = JSON.parse(readFileSync(join(REPOSITORY, "test/fixtures/solutions/one-by-one.json"), "utf8")) as Recorded;

/** Every frame's boxes, moved by noise of so many pixels. */
function* frames(jitter = 0): Generator<{ boxes: TrackedBox[]; frame: number; time: number }> {
  const byFrame = grouped();
  for (let frame = 1; frame <= clip.frames; frame++) {
    const rows = byFrame.get(frame) ?? [];
    const boxes = rows.map(([, track, xmin, ymin, xmax, ymax]): TrackedBox => {
      const off = (frame % 2 ? 1 : -1) * jitter;
      return { track, xmin: xmin + off, ymin, xmax: xmax + off, ymax, class: 0, name: "person" };
    });
    yield { boxes, frame, time: (frame - 1) / clip.fps };
  }
}

function grouped(): Map<number, (readonly number[])[]> {
  const groups = new Map<number, (readonly number[])[]>();
  for (const row of clip.boxes) groups.set(row[0], [...(groups.get(row[0]) ?? []), row]);
  return groups;
}

function counted(fraction: number, jitter = 0): LineEvent[] {
  const [from, to] = pointsOf([fraction, 0, fraction, 1], clip);
  const line = new LineCounter(from, to);
  return [...frames(jitter)].flatMap(({ boxes, ...at }) => line.update(boxes, at));
}

test.each([0, 2, 4])(
  "each of the six crosses a line next to the table once, when leaving; jitter of %i px",
  (jitter) => {
    for (const fraction of [0.7, 0.75, 0.8]) {
      const events = counted(fraction, jitter);
      expect(events.map(({ track }) => track)).toEqual([1, 2, 3, 4, 5, 6]);
      // From the left to the right of the picture, along a line that leads down: from the right hand to the left.
      expect(new Set(events.map(({ direction }) => direction))).toEqual(new Set(["out"]));
    }
  },
);

test("the middle of the picture is crossed by the five people who come from its left", () => {
  expect(counted(0.5).map(({ track }) => track)).toEqual([1, 2, 3, 4, 6]);
});

test("the zone at the table has six visitors, one at a time, for 10 to 26 seconds each", () => {
  const place = new Zone(pointsOf([0.3, 0, 0.7, 0, 0.7, 1, 0.3, 1], clip));
  const events: ZoneEvent[] = [...frames()].flatMap(({ boxes, ...at }) => place.update(boxes, at));
  const kinds = events.map(({ event, track }) => `${event} ${track}`);
  expect(kinds).toEqual([1, 2, 3, 4, 5, 6].flatMap((track) => [`enter ${track}`, `exit ${track}`]));
  expect(place.counts).toMatchObject({ occupancy: {}, most: 1, entries: { person: 6 }, exits: { person: 6 } });
  for (const { dwell } of events.filter(({ event }) => event === "exit")) {
    expect(dwell).toBeGreaterThan(10);
    expect(dwell).toBeLessThan(26);
  }
});
