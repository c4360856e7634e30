/** Many calls of `detect` at once: few decoded pictures, every answer, in order, also where some fail or the model goes. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DisposedError } from "../../src/errors.js";
import { readPictureSource } from "../../src/node/pictures/pictureSource.js";
import { type DetectionResult, load, type Model, type PictureSource } from "../../src/node.js";
import { Turns } from "../../src/yolov5/calls/turns.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model as PlainModel } from "../../src/yolov5/model.js";

const SMALL = fileURLToPath(new URL("../fixtures/pytorch/picture.png", import.meta.url));
const OPTIONS = { imgsz: 64, conf: 0.001 } as const;

/** A model that counts the pictures which are decoded and not answered yet. */
async function counting() {
  const loaded = await load(undefined, { backend: "wasm", threads: 1 });
  const seen = { now: 0, most: 0 };
  const model: Model<PictureSource> = new PlainModel(
    new LocalRunner(loaded.members, loaded.members[0].network.backend, async (source: PictureSource, begin) => {
      const picture = await readPictureSource(source, begin);
      seen.now++;
      seen.most = Math.max(seen.most, seen.now);
      return { ...picture, close: () => seen.now-- };
    }),
  );
  return { model, seen };
}

describe("overlapping calls", () => {
  it("hold at most 16 decoded pictures, and are all answered", async () => {
    const { model, seen } = await counting();
    const bytes = new Uint8Array(readFileSync(SMALL));
    const sources: PictureSource[] = [bytes, SMALL, bytes.slice().buffer, new Blob([bytes]), new Uint8Array([1, 2, 3])];
    const finished: number[] = [];
    const calls = Array.from({ length: 100 }, (_, i) =>
      model.detect(sources[i % 5], OPTIONS).finally(() => finished.push(i)),
    );
    const outcomes = await Promise.allSettled(calls);
    const good = outcomes.filter((o) => o.status === "fulfilled").map((o) => (o.value as DetectionResult).detections);
    expect(good.length).toBe(80);
    for (const detections of good) expect(detections).toEqual(good[0]);
    expect(seen.most).toBeGreaterThan(1);
    expect(seen.most).toBeLessThanOrEqual(16);
    expect([seen.now, finished.length]).toEqual([0, 100]);
    model.dispose();
  });

  it("end at once when the model is disposed of", async () => {
    const { model, seen } = await counting();
    const bytes = new Uint8Array(readFileSync(SMALL));
    const calls = Array.from({ length: 200 }, () => model.detect(bytes, OPTIONS));
    await calls[0];
    model.dispose();
    const outcomes = await Promise.allSettled(calls);
    const refused = outcomes.filter((o) => o.status === "rejected");
    expect(refused.length).toBeGreaterThan(100);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(DisposedError);
    expect(seen.now).toBe(0);
  });
});

describe("aborted calls", () => {
  it("hold nothing and block no other call while queued", async () => {
    const { model, seen } = await counting();
    const bytes = new Uint8Array(readFileSync(SMALL));
    const controller = new AbortController();
    const reason = new Error("enough");
    const calls = Array.from({ length: 60 }, (_, i) =>
      model.detect(bytes, { ...OPTIONS, ...(i % 2 === 0 ? {} : { signal: controller.signal }) }),
    );
    const outcomes = Promise.allSettled(calls);
    await calls[0];
    controller.abort(reason);
    const settled = await outcomes;
    for (const [i, outcome] of settled.entries()) {
      if (i % 2 === 0) expect(outcome.status).toBe("fulfilled");
      else if (outcome.status === "rejected") expect(outcome.reason).toBe(reason);
    }
    expect(settled.filter(({ status }) => status === "rejected").length).toBeGreaterThan(20);
    // What was under way ends unseen, with what it held.
    await model.detect(bytes, OPTIONS);
    expect(seen.now).toBe(0);
    expect(seen.most).toBeLessThanOrEqual(16);
    model.dispose();
  });

  it("close a stream's source", async () => {
    const { model } = await counting();
    const controller = new AbortController();
    let closed = 0;
    const frames = async function* () {
      try {
        for (;;) yield SMALL;
      } finally {
        closed++;
      }
    };
    let given = 0;
    const reason = new Error("enough");
    const running = (async () => {
      for await (const _ of model.stream(frames(), { ...OPTIONS, signal: controller.signal })) {
        if (++given === 3) controller.abort(reason);
      }
    })();
    await expect(running).rejects.toBe(reason);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([given, closed]).toEqual([3, 1]);
    model.dispose();
  });

  it("end a stream that waits for its source", async () => {
    const { model } = await counting();
    const never = async function* () {
      yield SMALL;
      await new Promise(() => undefined);
    };
    const controller = new AbortController();
    const results = model.stream(never(), { ...OPTIONS, signal: controller.signal });
    await results.next();
    const waiting = results.next();
    setTimeout(() => controller.abort(), 20);
    await expect(waiting).rejects.toThrow("aborted");
    expect((await results.next()).done).toBe(true);
    model.dispose();
  });
});

describe("turns", () => {
  it("are not assigned if they were aborted in the queue", async () => {
    const turns = new Turns(1);
    const controller = new AbortController();
    const [first, second, third] = [turns.take(), turns.take(controller.signal), turns.take()];
    await first.begin();
    const waiting = second.begin();
    const begun: string[] = [];
    void third.begin().then(() => begun.push("third"));
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    second.end();
    first.end();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(begun).toEqual(["third"]);
  });

  it("are assigned in the order of requests, and ending one that never began has no effect", async () => {
    const turns = new Turns(2);
    const taken = Array.from({ length: 5 }, () => turns.take());
    const begun: number[] = [];
    taken.forEach((turn, i) => void (i !== 1 && turn.begin().then(() => begun.push(i))));
    await Promise.resolve();
    await Promise.resolve();
    expect(begun).toEqual([0, 2]);
    taken[1].end();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(begun).toEqual([0, 2]);
    taken[0].end();
    taken[2].end();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(begun).toEqual([0, 2, 3, 4]);
  });
});
