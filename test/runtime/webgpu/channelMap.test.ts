/** Where channels lie when concats leave gaps. */

import { describe, expect, it } from "vitest";
import {
  channelsOf,
  channelsOfStored,
  normalizeMap,
  quadsOf,
  sliceMap,
  storedOfChannels,
} from "../../../src/runtime/webgpu/lower/channelMap.js";

describe("channel map", () => {
  it("merges runs that leave no gap", () => {
    expect(normalizeMap([8, 4, 6, 3])).toEqual([18, 3]);
    expect(normalizeMap([5, 8])).toEqual([5, 8]);
  });

  it("starts every run at a group of four", () => {
    const map = [6, 3];
    expect(channelsOf(map)).toBe(9);
    expect(quadsOf(map)).toBe(3);
    expect(storedOfChannels(map)).toEqual([0, 1, 2, 3, 4, 5, 8, 9, 10]);
    expect(channelsOfStored(map)).toEqual([0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, -1]);
  });

  it("finds slices that start at a group of four", () => {
    expect(sliceMap([16], 4, 9)).toEqual({ firstQuad: 1, map: [5] });
    expect(sliceMap([6, 3], 6, 9)).toEqual({ firstQuad: 2, map: [3] });
    expect(sliceMap([6, 8], 4, 10)).toEqual({ firstQuad: 1, map: [2, 4] });
    expect(sliceMap([16], 3, 9)).toBeUndefined();
  });
});
