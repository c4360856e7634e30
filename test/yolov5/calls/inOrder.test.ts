/** Two items under way: order, how far is read ahead, and every way to end. Vitest fails on rejections that nobody handles. */

import { describe, expect, test } from "vitest";
import { type Begun, inOrder } from "../../../src/yolov5/calls/inOrder.js";

const later = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Numbers from 0, and what was asked of their source. */
function counting(count: number, failAt = Number.POSITIVE_INFINITY) {
  const log = { asked: 0, closed: 0 };
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = log.asked++;
        await later();
        if (value === failAt) throw new Error(`no item ${value}`);
        return value < count ? { value, done: false } : { value: undefined, done: true };
      },
      async return() {
        log.closed++;
        return { value: undefined, done: true };
      },
    }),
  };
  return { source, log };
}

/** Odd items take longer than even ones. */
const work = async (item: number): Promise<Begun<number>> => ({
  result: later(item % 2 === 0 ? 1 : 5).then(() => item * 10),
});

async function all(results: AsyncIterable<number>): Promise<number[]> {
  const list: number[] = [];
  for await (const result of results) list.push(result);
  return list;
}

describe("inOrder", () => {
  test("yields results in the order of the items, from lists and streams", async () => {
    const expected = [0, 10, 20, 30, 40];
    const { source, log } = counting(5);
    expect(await all(inOrder(source, work))).toEqual(expected);
    expect(log.closed).toBe(0);
    expect(await all(inOrder([0, 1, 2, 3, 4], work))).toEqual(expected);
    expect(await all(inOrder([], work))).toEqual([]);
  });

  test.each([1, 2, 3])("with %i in flight reads no further ahead, however slow the caller", async (most) => {
    const { source, log } = counting(20);
    let [given, begun, furthest] = [0, 0, 0];
    const results = inOrder(
      source,
      async (item) => {
        begun++;
        furthest = Math.max(furthest, begun - given);
        return work(item);
      },
      { most },
    );
    for await (const _ of results) {
      given++;
      await later(3);
      expect(log.asked - given).toBeLessThanOrEqual(most);
    }
    expect(given).toBe(20);
    expect(furthest).toBe(most);
  });

  test("requests the next item when the previous one is no longer needed, not when its result is ready", async () => {
    const events: string[] = [];
    let finish = (): void => undefined;
    async function* source() {
      for (const item of [0, 1, 2]) {
        events.push(`ask ${item}`);
        yield item;
      }
    }
    const results = inOrder(source(), async (item) => {
      await later();
      events.push(`used ${item}`);
      const result = item === 0 ? new Promise<void>((resolve) => (finish = resolve)) : Promise.resolve();
      return { result: result.then(() => item) };
    });
    const first = results.next();
    await later(20);
    expect(events).toEqual(["ask 0", "used 0", "ask 1", "used 1"]);
    finish();
    expect((await first).value).toBe(0);
    expect(await all(results)).toEqual([1, 2]);
  });

  test("yields a result without waiting for the next item", async () => {
    async function* source() {
      yield 7;
      await new Promise(() => undefined);
    }
    const results = inOrder(source(), work);
    expect((await results.next()).value).toBe(70);
    // Nor does the end, though the source will never answer.
    expect(await results.return(undefined)).toEqual({ value: undefined, done: true });
  });

  test("passes on an error of the source after the earlier results", async () => {
    const { source, log } = counting(9, 3);
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const result of inOrder(source, work)) seen.push(result);
    };
    await expect(run()).rejects.toThrow("no item 3");
    expect(seen).toEqual([0, 10, 20]);
    expect(log).toEqual({ asked: 4, closed: 0 });
  });

  test.each(["begin", "result"])("closes the source and ends on an error in %s", async (where) => {
    const { source, log } = counting(9);
    const seen: number[] = [];
    const failing = async (item: number): Promise<Begun<number>> => {
      if (item !== 2) return work(item);
      if (where === "begin") throw new Error("broken");
      return { result: later().then(() => Promise.reject(new Error("broken"))) };
    };
    const run = async (): Promise<void> => {
      for await (const result of inOrder(source, failing)) seen.push(result);
    };
    await expect(run()).rejects.toThrow("broken");
    expect(seen).toEqual([0, 10]);
    expect(log.closed).toBe(1);
    const { asked } = log;
    await later(10);
    expect(log.asked).toBe(asked);
  });

  test("closes the source if the caller stops early, and later failures stay silent", async () => {
    const { source, log } = counting(9);
    for await (const result of inOrder(source, async (item) => {
      if (item === 0) return work(item);
      return { result: later(2).then(() => Promise.reject(new Error("never seen"))) };
    })) {
      expect(result).toBe(0);
      break;
    }
    expect(log.closed).toBe(1);
    await later(10);
    expect(log.asked).toBeLessThanOrEqual(3);
  });

  test("after a signal ends the source, yields the results so far, then ends or throws", async () => {
    for (const reason of [undefined, new Error("stopped")]) {
      const stop = new AbortController();
      async function* source() {
        for (let item = 0; ; item++) {
          await later();
          if (stop.signal.aborted && reason) throw stop.signal.reason;
          if (stop.signal.aborted) return;
          yield item;
        }
      }
      const seen: number[] = [];
      const run = async (): Promise<void> => {
        for await (const result of inOrder(source(), work)) {
          seen.push(result);
          if (result === 20) stop.abort(reason);
        }
      };
      if (reason) await expect(run()).rejects.toBe(reason);
      else await run();
      expect(seen.slice(0, 3)).toEqual([0, 10, 20]);
      expect(seen.length).toBeLessThanOrEqual(5);
    }
  });
});
