/** Lists, batches, streams and overlapping calls of a model. */

import { describe, expect, it } from "vitest";
import { boxes, LOW, modelOf, noise, recordedModel, V6 } from "./recordedModel.js";

describe("lists and batches", () => {
  it("a list returns the same results as its pictures one by one, in order", async () => {
    const model = modelOf();
    const pictures = [noise(64, 64, 1), noise(70, 31, 2), noise(64, 64, 3)];
    const singles: unknown[] = [];
    for (const picture of pictures) singles.push(await model.detect(picture, LOW));
    expect(boxes(singles).flat().length).toBeGreaterThan(3);
    expect(boxes(singles)[0]).not.toEqual(boxes(singles)[2]);
    expect(boxes(await model.detect(pictures, LOW))).toEqual(boxes(singles));
    expect(await model.detect([], LOW)).toEqual([]);
    expect(await model.detect([], { ...LOW, fit: "autoshape" })).toEqual([]);
    const [only] = await model.detect([pictures[0]], LOW);
    expect(boxes([only])).toEqual([boxes(singles)[0]]);
    model.dispose();
  });

  it("batchSize changes the number of passes, not the results", async () => {
    const pictures = [1, 2, 3, 4, 5].map((seed) => noise(64, 48, seed));
    const model = modelOf();
    const expected = boxes(await model.detect(pictures, LOW));
    for (const batchSize of [2, 3, 8])
      expect(boxes(await model.detect(pictures, { ...LOW, batchSize }))).toEqual(expected);
    model.dispose();
  });

  it("only consecutive pictures with the same input size share a pass", async () => {
    const { model, record } = recordedModel();
    const pictures = [noise(64, 64), noise(60, 60), noise(64, 20), noise(64, 64), noise(64, 62), noise(60, 64)];
    await model.detect(pictures, { imgsz: 64, batchSize: 2 });
    expect(record.runs).toEqual(["2×3×64×64", "1×3×32×64", "2×3×64×64", "1×3×64×64"]);
  });

  it("stream yields a result per frame, from lists and generators", async () => {
    const model = modelOf();
    async function* frames() {
      yield noise(64, 64, 1);
      yield noise(64, 32, 2);
    }
    const streamed: unknown[] = [];
    for await (const result of model.stream(frames(), LOW)) streamed.push(result);
    const listed = await model.detect([noise(64, 64, 1), noise(64, 32, 2)], LOW);
    expect(boxes(streamed)).toEqual(boxes(listed));
    model.dispose();
  });

  it("stream accepts frames that share one buffer", async () => {
    const model = modelOf();
    const pictures = Array.from({ length: 5 }, (_, i) => noise(64, 64, i + 1));
    const buffer = new Uint8Array(64 * 64 * 3);
    function* frames() {
      for (const { data, ...rest } of pictures) {
        buffer.set(data);
        yield { ...rest, data: buffer };
      }
    }
    const streamed: unknown[] = [];
    for await (const result of model.stream(frames(), LOW)) streamed.push(result);
    expect(boxes(streamed)).toEqual(boxes(await model.detect(pictures, LOW)));
    model.dispose();
  });

  it("stream keeps two frames in flight, and can be left with one in flight", async () => {
    const { model, record } = recordedModel([V6], 20);
    await model.warmup(64);
    const closed: string[] = [];
    function* frames() {
      try {
        for (let i = 0; i < 9; i++) yield noise(64, 64, i);
      } finally {
        closed.push("closed");
      }
    }
    const results = model.stream(frames(), { imgsz: 64 });
    const first = results.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(record.runs).toHaveLength(3);
    await first;
    await results.return(undefined);
    expect(closed).toEqual(["closed"]);
    model.dispose();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(record.runs.length).toBeLessThanOrEqual(4);
  });

  it("overlapping calls each get their own result", async () => {
    const model = modelOf();
    const pictures = Array.from({ length: 10 }, (_, i) => noise(40 + 8 * (i % 3), 64 - 6 * (i % 4), i + 1));
    const together = await Promise.all(pictures.map((picture) => model.detect(picture, LOW)));
    const alone: unknown[] = [];
    for (const picture of pictures) alone.push(await model.detect(picture, LOW));
    expect(boxes(together)).toEqual(boxes(alone));
    expect(new Set(boxes(alone).map((b) => JSON.stringify(b))).size).toBeGreaterThan(5);
    model.dispose();
  });
});
