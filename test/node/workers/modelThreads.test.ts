/** A model in worker threads gives what the same model gives on the caller's thread, and leaves that thread free. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import type * as Node from "../../../src/node.js";
import type { DetectionResult, Model, PictureSource, SegmentationResult } from "../../../src/node.js";
import { withFolder, withServer } from "../server.js";
import { built, CLASSIFIES, DETECTS, importBuilt, LAYERS, SEGMENTS, SMALL, timeless } from "./threads.js";

const OPTIONS = { imgsz: 64, conf: 0.01 } as const;
const WASM = { backend: "wasm", threads: 1 } as const;

describe.skipIf(!built)("a model in worker threads", { timeout: 120_000 }, () => {
  let node: typeof Node;
  let here: Model<PictureSource>;
  let there: Model<PictureSource>;
  let spread: Model<PictureSource>;
  const bytes = new Uint8Array(readFileSync(SMALL));

  beforeAll(async () => {
    node = await importBuilt();
    here = await node.load(DETECTS, { ...WASM, worker: false });
    there = await node.load(DETECTS, WASM);
    spread = await node.load(DETECTS, { ...WASM, workers: 3 });
  });
  afterAll(() => {
    for (const model of [here, there, spread]) model?.dispose();
  });

  it("is a Model with the same facts, without networks on this thread", () => {
    for (const model of [there, spread]) {
      expect(model).toBeInstanceOf(node.Model);
      expect(model.info).toEqual(here.info);
      expect(model.device).toEqual(here.device);
      expect(() => model.members).toThrow(/worker thread; use await model.openMembers\(\)/);
    }
    expect(here.members).toHaveLength(1);
  });

  it("gives the same result for every kind of picture", async () => {
    const { width, height, data } = await decodeImage(bytes);
    const rgba = new Uint8ClampedArray(width * height * 4);
    for (let i = 0; i < width * height; i++) rgba.set([...data.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    await withServer(
      (_, response) => response.writeHead(200).end(bytes),
      async (url) => {
        const sources: PictureSource[] = [
          SMALL,
          pathToFileURL(SMALL),
          bytes,
          bytes.slice().buffer,
          Buffer.from(bytes),
          new Blob([bytes]),
          `data:;base64,${Buffer.from(bytes).toString("base64")}`,
          `${url}/picture.png`,
          { data: data.slice(), width, height, frame: 3, time: 0.5 },
          { data: rgba, width, height },
        ];
        const expected = (await here.detect(sources, OPTIONS)).map(timeless);
        expect((expected[0] as DetectionResult).detections.length).toBeGreaterThan(0);
        for (const model of [there, spread]) {
          expect((await model.detect(sources, OPTIONS)).map(timeless)).toEqual(expected);
          const single = await Promise.all(sources.map((source) => model.detect(source, OPTIONS)));
          expect(single.map(timeless)).toEqual(expected);
        }
      },
    );
  });

  it("detects in lists of one shape, in batches, and in empty lists", async () => {
    const wide = { width: 80, height: 20, data: new Uint8Array(80 * 20 * 3).fill(90) };
    const sources = [bytes, wide, bytes, bytes, wide];
    for (const options of [{ fit: "autoshape" }, { batchSize: 3 }, { fit: "square", batchSize: 2 }] as const) {
      const expected = (await here.detect(sources, { ...OPTIONS, ...options })).map(timeless);
      for (const model of [there, spread]) {
        expect((await model.detect(sources, { ...OPTIONS, ...options })).map(timeless)).toEqual(expected);
      }
    }
    expect(await spread.detect([], OPTIONS)).toEqual([]);
  });

  it("leaves the caller's timers running while calls follow each other without a pause", async () => {
    const calls = 8;
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    for (let i = 0; i < calls; i++) await there.detect(bytes, { imgsz: 640 });
    clearInterval(timer);
    // On the caller's own thread, nothing but the network would run until the last call has ended.
    expect(ticks).toBeGreaterThanOrEqual(calls);
  });

  it("captures bytes and pixels at the call", async () => {
    const expected = timeless(await here.detect(bytes, OPTIONS));
    const { width, height, data } = await decodeImage(bytes);
    const [encoded, raw] = [bytes.slice(), { width, height, data: Uint8Array.from(data) }];
    const calls = [encoded, raw, encoded, raw, encoded].map((source) => spread.detect(source, OPTIONS));
    const list = spread.detect([raw, encoded, encoded], OPTIONS);
    encoded.fill(0);
    raw.data.fill(0);
    for (const result of [...(await Promise.all(calls)), ...(await list)])
      expect(timeless(result)).toMatchObject({
        detections: (expected as DetectionResult).detections,
      });
  });

  it("streams in order, and a frame's memory may be reused when the next one is requested", async () => {
    const { width, height, data } = await decodeImage(bytes);
    async function* frames() {
      const own = new Uint8Array(data.length);
      for (let frame = 0; frame < 12; frame++) {
        if (frame % 3 === 0) own.fill(40 + frame);
        else own.set(data);
        yield { data: own, width, height, frame };
      }
    }
    const found: unknown[][] = [];
    for (const model of [here, there, spread]) {
      const results: unknown[] = [];
      for await (const result of model.stream(frames(), OPTIONS)) results.push(timeless(result));
      found.push(results);
    }
    expect((found[0] as DetectionResult[]).map(({ frame }) => frame)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  it("predicts, with raw outputs and other thresholds afterwards", async () => {
    const [a, b] = [await here.predict(bytes, OPTIONS), await there.predict(bytes, OPTIONS)];
    expect(b.outputs).toEqual(a.outputs);
    for (const conf of [0.005, 0.05]) expect(timeless(b.result({ conf }))).toEqual(timeless(a.result({ conf })));
  });

  it("returns masks and classes, also for lists in batches", async () => {
    for (const weights of [SEGMENTS, CLASSIFIES]) {
      const [a, b] = [await node.load(weights, { ...WASM, worker: false }), await node.load(weights, WASM)];
      const options = { ...OPTIONS, conf: 0.001, batchSize: 2 };
      const [expected, given] = [
        await a.detect([bytes, bytes, bytes], options),
        await b.detect([bytes, bytes, bytes], options),
      ];
      expect(given.map(timeless)).toEqual(expected.map(timeless));
      if (a.task === "segment") {
        expect(expected[0].detections.length).toBeGreaterThan(0);
        const [mask, same] = [expected[1], given[1]].map((result) => (result as SegmentationResult).detections[0].mask);
        expect(same).toEqual(mask);
      }
      a.dispose();
      b.dispose();
    }
  });

  it("forwards tensors, taps layers, profiles and reports memory", async () => {
    const data = Float32Array.from({ length: 2 * 3 * 64 * 64 }, (_, i) => (i % 97) / 97);
    // A view: the rest of its memory does not matter.
    const input = { dtype: "float32", shape: [1, 3, 64, 64], data: data.subarray(3 * 64 * 64) } as const;
    for (const model of [there, spread]) {
      expect(await model.forward(input)).toEqual(await here.forward(input));
      expect(await model.inferRows({ shape: input.shape, inputs: [input] }, { conf: 0.01 })).toEqual(
        await here.inferRows({ shape: input.shape, inputs: [input] }, { conf: 0.01 }),
      );
      expect(await model.tap(["model.1"], input)).toEqual(await here.tap(["model.1"], input));
      expect((await model.profile(input)).map(({ name }) => name)).toEqual(
        (await here.profile(input)).map(({ name }) => name),
      );
      await model.warmup([64, 96]);
      await model.tune();
      expect((await model.memory(64)).weightBytes).toBe((await here.memory(64)).weightBytes);
    }
    expect(data.length).toBe(2 * 3 * 64 * 64);
  });

  it("can be verified and quantized like any other", async () => {
    const layers = new Uint8Array(readFileSync(LAYERS));
    const [a, b] = [await node.verifyModel(here, layers), await node.verifyModel(there, layers)];
    expect(b).toEqual(a);
    expect(b.ok).toBe(true);
    const image = await decodeImage(bytes);
    const options = { imgsz: [64, 64], method: "minmax" } as const;
    expect(await node.quantize(there, [image], options)).toEqual(await node.quantize(here, [image], options));
  });

  it("can be evaluated like any other", async () => {
    const image = await decodeImage(bytes);
    const { width, height } = image;
    const truth = { classes: Int32Array.of(0), boxes: Float32Array.of(0.5, 0.5, 0.4, 0.4), polygons: [[]] };
    const samples = ["a", "b"].map((name) => ({ name, width, height, truth, load: async () => image }));
    const dataset = { name: "two", samples, names: undefined, excluded: [] };
    const evaluations: { metrics: unknown; outcomes: readonly unknown[] }[] = [];
    for (const model of [here, there, spread]) {
      const outcomes: unknown[] = [];
      const onPicture = ({ detections }: { detections: unknown }): void => void outcomes.push(detections);
      const { metrics } = await node.evaluate(model, dataset, { imgsz: 64, onPicture });
      evaluations.push({ metrics, outcomes });
    }
    const [expected, ...given] = evaluations;
    expect(expected.outcomes).toHaveLength(2);
    for (const evaluation of given) expect(evaluation).toEqual(expected);
  });

  it("saves annotated pictures, but needs those from memory again", async () => {
    await withFolder(async (folder) => {
      const [expected, given] = [join(folder, "here.png"), join(folder, "there.png")];
      await (await here.detect(SMALL, OPTIONS)).save(expected);
      await (await there.detect(SMALL, OPTIONS)).save(given);
      expect(readFileSync(given)).toEqual(readFileSync(expected));
      await expect((await there.detect(bytes, OPTIONS)).save(given)).rejects.toThrow(/came from memory/);
    });
  });

  it("warns once per list and picture", async () => {
    const cut = bytes.slice(0, bytes.length - 40);
    const told = async (model: Model<PictureSource>): Promise<string[]> => {
      const warnings: string[] = [];
      const onWarning = (text: string): unknown => warnings.push(text);
      await model.detect([bytes, bytes, bytes], { imgsz: 50, onWarning, augment: true });
      await model.detect(cut, { imgsz: 64, onWarning }).catch((error) => warnings.push(error.message));
      return warnings.toSorted();
    };
    expect((await told(here)).length).toBeGreaterThan(0);
    expect(await told(spread)).toEqual(await told(here));
  });
});
