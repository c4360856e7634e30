/** Long work lets others have their turn, and hears that it is to end. */

import { describe, expect, it, vi } from "vitest";
import { atOnce, Breather, type Pieces } from "../src/breathe.js";

/** Pieces of work that end when the clock has gone on. */
function* pieces(count: number, done: number[]): Pieces<string> {
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    while (performance.now() - started < 60);
    done.push(i);
    yield;
  }
  return "all";
}

describe("work in pieces", () => {
  it("gives the same result with and without pauses", async () => {
    expect(atOnce(pieces(2, []))).toBe("all");
    expect(await new Breather().through(pieces(2, []))).toBe("all");
  });

  it("lets timers run in between", async () => {
    const done: number[] = [];
    let seen = -1;
    setTimeout(() => {
      seen = done.length;
    }, 0);
    await new Breather().through(pieces(5, done));
    expect(seen).toBeGreaterThan(0);
    expect(seen).toBeLessThan(5);
  });

  it("ends with the signal's reason after at most one more piece", async () => {
    const done: number[] = [];
    const ending = new AbortController();
    setTimeout(() => ending.abort(new Error("enough")), 0);
    await expect(new Breather(ending.signal).through(pieces(50, done))).rejects.toThrow("enough");
    expect(done.length).toBeLessThanOrEqual(2);
  });

  it.each(["setImmediate", "MessageChannel"])("also works on hosts without %s", async (name) => {
    vi.stubGlobal("setImmediate", undefined);
    vi.stubGlobal(name, undefined);
    try {
      expect(await new Breather().through(pieces(3, []))).toBe("all");
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
