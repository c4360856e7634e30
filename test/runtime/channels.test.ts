/** Where channels lie when concats leave gaps. */

import { describe, expect, it } from "vitest";
import {
  channelCount,
  channelsOfStored,
  joinSegments,
  oneSegment,
  type Segments,
  segmentsKey,
  sliceSegments,
  storedChannels,
  storedOfChannels,
} from "../../src/runtime/channels.js";

const joined = (...counts: readonly number[]): Segments => joinSegments(counts.map(oneSegment));

describe("channel segments", () => {
  it("are joined if there is no gap between them", () => {
    expect(joined(8, 4, 6, 3)).toEqual([
      { start: 0, count: 18 },
      { start: 20, count: 3 },
    ]);
    expect(joined(5, 8)).toEqual([
      { start: 0, count: 5 },
      { start: 8, count: 8 },
    ]);
  });

  it("begin at a multiple of four", () => {
    const segments = joined(6, 3);
    expect(channelCount(segments)).toBe(9);
    expect(storedChannels(segments)).toBe(12);
    expect(storedOfChannels(segments)).toEqual([0, 1, 2, 3, 4, 5, 8, 9, 10]);
    expect(channelsOfStored(segments)).toEqual([0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, -1]);
  });

  it("have different keys if they differ", () => {
    const keys = [joined(6, 3), joined(9), joined(3, 6), joined(8, 1)].map(segmentsKey);
    expect(keys).toEqual(["6,3", "9", "3,6", "9"]);
  });

  it("are sliced if the slice begins at a multiple of four", () => {
    expect(sliceSegments(oneSegment(16), 4, 9)).toEqual({ offset: 4, segments: oneSegment(5) });
    expect(sliceSegments(joined(6, 3), 6, 9)).toEqual({ offset: 8, segments: oneSegment(3) });
    expect(sliceSegments(joined(6, 8), 4, 10)).toEqual({ offset: 4, segments: joined(2, 4) });
    expect(sliceSegments(oneSegment(16), 3, 9)).toBeUndefined();
  });
});
