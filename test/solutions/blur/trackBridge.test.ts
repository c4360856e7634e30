/** `TrackBridge`: frames in order, gaps filled, and never more waiting than needed. */

import { describe, expect, test } from "vitest";
import {
  type BridgedBox,
  type BridgedFrame,
  TrackBridge,
  type TrackBridgeOptions,
} from "../../../src/solutions/blur/index.js";
import { seededRandom } from "../../../src/tensor/index.js";
import { type Track, Tracker, type Xyxy } from "../../../src/tracking/index.js";

const box = (x: number, track?: number): BridgedBox => ({ xyxy: [x, 0, x + 10, 20], track });

/** Pushes frames given by their boxes; the boxes that were added to each, and how long it waited. */
function run(frames: readonly (readonly BridgedBox[])[], options?: TrackBridgeOptions) {
  const bridge = new TrackBridge<number>(options);
  const out: BridgedFrame<number>[] = [];
  const waited: number[] = [];
  const take = (ready: readonly BridgedFrame<number>[], now: number): void => {
    for (const frame of ready) {
      expect(frame.frame).toBe(out.length);
      out.push(frame);
      waited.push(now - frame.frame);
    }
  };
  for (const [n, boxes] of frames.entries()) take(bridge.push(n, boxes), n);
  take(bridge.end(), frames.length - 1);
  expect(out).toHaveLength(frames.length);
  return { added: out.map(({ added }) => added), waited };
}

const centre = ([x1, , x2]: Xyxy): number => (x1 + x2) / 2;

describe("gaps", () => {
  test("are filled along a straight line, with a box that grows towards the middle", () => {
    const frames = [[box(0, 1)], [], [], [], [box(40, 1)]];
    const { added } = run(frames, { hold: 0 });
    expect(added.map((boxes) => boxes.map((xyxy) => centre(xyxy)))).toEqual([[], [15], [25], [35], []]);
    const widths = added.slice(1, 4).map(([[x1, , x2]]) => x2 - x1);
    expect(widths[1]).toBeGreaterThan(widths[0]);
    expect(widths[0]).toBeCloseTo(widths[2]);
    expect(widths[0]).toBeGreaterThan(10);
  });

  test("are filled up to the maximum length, and not beyond", () => {
    const lasting = (gap: number) => [[box(0, 1)], ...Array.from({ length: gap }, () => []), [box(0, 1)]];
    expect(
      run(lasting(4), { gap: 4, hold: 0 })
        .added.slice(1, -1)
        .every((boxes) => boxes.length === 1),
    ).toBe(true);
    expect(run(lasting(5), { gap: 4, hold: 0 }).added.every((boxes) => boxes.length === 0)).toBe(true);
  });

  test("are not filled by objects with other IDs", () => {
    expect(run([[box(0, 1)], [], [box(0, 2)]], { hold: 0 }).added[1]).toEqual([]);
    expect(run([[box(0)], [], [box(0)]], { hold: 0 }).added[1]).toEqual([]);
  });
});

describe("weak boxes", () => {
  /** Part of the object: its lower half. */
  const part = (x: number): BridgedBox => ({ xyxy: [x, 10, x + 10, 20], track: 1, weak: true });

  test("keep a track, and the place between the certain ones is added to their frames", () => {
    const { added } = run([[box(0, 1)], [part(10)], [], [part(30)], [box(40, 1)]], { hold: 0 });
    // The frame without a box gets what lies between the weak ones too.
    expect(added.map((boxes) => boxes.length)).toEqual([0, 1, 2, 1, 0]);
    for (const [frame, boxes] of added.entries()) {
      const whole = boxes.at(-1);
      if (!whole) continue;
      expect(centre(whole)).toBeCloseTo(10 * frame + 5);
      expect(whole[1]).toBeLessThanOrEqual(0);
      expect(whole[3]).toBeGreaterThanOrEqual(20);
    }
  });

  test("are held as well as the last certain one, and their frames wait for the next", () => {
    const { added, waited } = run([[box(0, 1)], [part(0)], [part(0)], [part(0)], []], { hold: 2, gap: 3 });
    // Frame 3 is too far from the certain box; frame 4 holds the weak one.
    expect(added.map((boxes) => boxes.length)).toEqual([0, 1, 1, 0, 1]);
    expect(waited[1]).toBe(3);
    const live = run([[box(0, 1)], [part(0)]], { most: 0 });
    expect([live.added[1].length, live.waited[1]]).toEqual([1, 0]);
  });

  test("that begin a track are held before it like certain ones", () => {
    expect(run([[], [part(0)], [box(0, 1)]], { hold: 1 }).added.map((boxes) => boxes.length)).toEqual([1, 0, 0]);
  });
});

describe("before and after", () => {
  test("the first box is held before, and the last one after, for the requested number of frames", () => {
    const frames = [[], [], [], [], [box(5, 1)], [], [], [], []];
    const { added } = run(frames, { hold: 2 });
    expect(added.map((boxes) => boxes.length)).toEqual([0, 0, 1, 1, 0, 1, 1, 0, 0]);
    for (const xyxy of added.flat()) expect(centre(xyxy)).toBe(10);
  });

  test("an object that the tracker has not confirmed is hidden too", () => {
    const { added } = run([[], [box(5)], [], [box(5)], []], { hold: 1 });
    expect(added.map((boxes) => boxes.length)).toEqual([1, 0, 2, 0, 1]);
  });
});

describe("waiting", () => {
  test("lasts `hold` frames without lost objects, and with one until it cannot come back", () => {
    expect(Math.max(...run(Array.from({ length: 50 }, () => [box(0, 1)])).waited)).toBe(5);
    expect(
      Math.max(
        ...run(
          Array.from({ length: 50 }, () => []),
          { hold: 0 },
        ).waited,
      ),
    ).toBe(0);
    const left = [[box(0, 1)], ...Array.from({ length: 30 }, () => [])];
    expect(run(left, { gap: 8, hold: 0 }).waited.slice(1, 4)).toEqual([8, 7, 6]);
  });

  test("is cut short by `most`, with the tracker's estimates", () => {
    const bridge = new TrackBridge<number>({ most: 2 });
    expect(bridge.push(0, [box(0, 1)])).toEqual([]);
    expect(bridge.push(1, [], [box(3, 1)])).toEqual([]);
    expect(bridge.push(2, [], [box(6, 1)]).map(({ frame }) => frame)).toEqual([0]);
    const [early] = bridge.push(3, [], [box(9, 1)]);
    expect(early.frame).toBe(1);
    expect(early.added).toContainEqual([3, 0, 13, 20]);
  });

  test("does not happen with 0", () => {
    const bridge = new TrackBridge<number>({ most: 0 });
    for (let n = 0; n < 9; n++)
      expect(bridge.push(n, n % 2 ? [box(0, 1)] : [], []).map(({ frame }) => frame)).toEqual([n]);
    expect(bridge.end()).toEqual([]);
  });
});

test.each([{ gap: -1 }, { hold: 1.5 }, { most: Number.NaN }])("%o is refused", (options) => {
  expect(() => new TrackBridge(options)).toThrow(/track bridge: (gap|hold|most) must be a whole number of at least 0/);
});

test("with a tracker, every tracked object is hidden between two detections, however they fail", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const tracker = new Tracker({ high: 0.5 });
    const bridge = new TrackBridge<{ tracks: readonly Track[]; truth: readonly Xyxy[] }>();
    // Slow enough that the tracker finds them again; they do not meet.
    const walkers = Array.from({ length: 4 }, (_, i) => ({
      x: 100 + random() * 100,
      y: 300 * i,
      dx: random() * 4 - 2,
      missing: 0,
    }));
    const seen = new Map<number, { first: number; last: number; walker: number }>();
    const frames: { covered: readonly Xyxy[]; truth: readonly Xyxy[] }[] = [];
    const take = (ready: readonly BridgedFrame<{ tracks: readonly Track[]; truth: readonly Xyxy[] }>[]): void => {
      for (const { frame, added } of ready) {
        frames.push({ truth: frame.truth, covered: [...frame.tracks.map(({ xyxy }) => xyxy), ...added] });
      }
    };
    for (let n = 0; n < 200; n++) {
      const truth = walkers.map((walker): Xyxy => {
        walker.x += walker.dx + random() - 0.5;
        return [walker.x, walker.y, walker.x + 80, walker.y + 200];
      });
      const found = walkers.flatMap((walker, i) => {
        if (walker.missing === 0 && random() < 0.05) walker.missing = 1 + Math.floor(random() * 25);
        else if (walker.missing > 0) walker.missing--;
        return walker.missing > 0 ? [] : [i];
      });
      const tracks = tracker.update(found.map((i) => ({ xyxy: truth[i], score: 0.9 })));
      for (const { id, box: at = 0 } of tracks) {
        const { first = n, walker = found[at] } = seen.get(id) ?? {};
        seen.set(id, { first, last: n, walker });
      }
      const boxes = tracks.map(({ id, box: at = 0 }) => ({ xyxy: truth[found[at]], track: id }));
      take(bridge.push({ tracks, truth }, boxes, []));
    }
    take(bridge.end());
    let bridged = 0;
    for (const { first, last, walker } of seen.values()) {
      for (let n = first; n <= last; n++) {
        const { covered, truth } = frames[n];
        const best = Math.max(0, ...covered.map((xyxy) => coverage(truth[walker], xyxy)));
        expect(best).toBeGreaterThan(0.85);
        bridged++;
      }
    }
    expect(bridged).toBeGreaterThan(300);
  }
});

/** The part of a box that lies in another one. */
function coverage(of: Xyxy, by: Xyxy): number {
  const width = Math.min(of[2], by[2]) - Math.max(of[0], by[0]);
  const height = Math.min(of[3], by[3]) - Math.max(of[1], by[1]);
  return (Math.max(width, 0) * Math.max(height, 0)) / ((of[2] - of[0]) * (of[3] - of[1]));
}
