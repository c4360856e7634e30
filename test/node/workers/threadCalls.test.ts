/** Models in worker threads: refusals by class, aborted calls, ends of models and processes, and where there are no threads. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../../../src/errors.js";
import { threadProgram } from "../../../src/node/workers/loadInThreads.js";
import type * as Node from "../../../src/node.js";
import { load, type Model, type PictureSource } from "../../../src/node.js";
import { REPOSITORY } from "../../support/reference.js";
import { rejection } from "../server.js";
import { built, DETECTS, importBuilt, SMALL } from "./threads.js";

const OPTIONS = { imgsz: 64, conf: 0.01 } as const;
const WASM = { backend: "wasm", threads: 1 } as const;
const bytes = new Uint8Array(readFileSync(SMALL));

describe.skipIf(!built)("calls in worker threads", { timeout: 120_000 }, () => {
  let node: typeof Node;
  let model: Model<PictureSource>;
  beforeAll(async () => {
    node = await importBuilt();
    model = await node.load(DETECTS, { ...WASM, workers: 2 });
  });
  afterAll(() => model?.dispose());

  it("fail with the same error classes and messages as on the caller's thread", async () => {
    const here = await node.load(DETECTS, { ...WASM, worker: false });
    const odd = [
      (m: typeof model) => m.detect("missing.jpg"),
      (m: typeof model) => m.detect(new Uint8Array([1, 2, 3])),
      (m: typeof model) => m.detect([bytes, bytes.slice(0, 30), "missing.jpg", bytes], OPTIONS),
      (m: typeof model) => m.detect(7 as never),
      (m: typeof model) => m.detect({ bytes } as never),
      (m: typeof model) => m.detect({ data: bytes, width: 3, height: 5 }),
      (m: typeof model) => m.detect(bytes, { conf: 2 }),
      (m: typeof model) => m.detect(bytes, { maxPixels: 10 }),
      (m: typeof model) => m.predict(bytes, { imgsz: -1 }),
      (m: typeof model) => m.forward({ dtype: "float32", shape: [1, 3, 65, 64], data: new Float32Array(1) }),
      (m: typeof model) => m.forward("picture" as never),
      (m: typeof model) =>
        m.tap(["model.99"], { dtype: "float32", shape: [1, 3, 64, 64], data: new Float32Array(12288) }),
      (m: typeof model) => m.warmup(64, 0),
    ];
    for (const call of odd) {
      const [expected, given] = [await rejection(call(here)), await rejection(call(model))];
      expect(given.message).toBe(expected.message);
      expect(given.constructor).toBe(expected.constructor);
    }
    here.dispose();
  });

  it("with values that cannot be sent say so", async () => {
    const error = await rejection(model.forward({ shape: [1], data: new Float32Array(1), dtype: () => 1 } as never));
    expect(error).toBeInstanceOf(node.OptionError);
    expect(error.message).toMatch(/^forward: a worker thread takes plain values only/);
    const extra = { ...OPTIONS, onPicture: () => undefined };
    expect((await model.detect(bytes, extra)).width).toBeGreaterThan(0);
  });

  it("reject at once when aborted, queued or running, and the others are answered", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const calls = Array.from({ length: 40 }, (_, i) =>
      model.detect(bytes, { imgsz: 640, ...(i % 2 === 0 ? {} : { signal: controller.signal }) }),
    );
    const outcomes = Promise.allSettled(calls);
    await calls[0];
    controller.abort(reason);
    const settled = await outcomes;
    for (const [i, outcome] of settled.entries()) {
      if (i % 2 === 0) expect(outcome.status).toBe("fulfilled");
      else if (outcome.status === "rejected") expect(outcome.reason).toBe(reason);
    }
    expect(settled.filter(({ status }) => status === "rejected").length).toBeGreaterThan(10);
    expect(await rejection(model.detect(bytes, { signal: controller.signal }))).toBe(reason);
    expect((await model.detect(bytes, OPTIONS)).width).toBeGreaterThan(0);
  });

  it("reject when the model is disposed of", async () => {
    const own = await node.load(DETECTS, WASM);
    const calls = Array.from({ length: 20 }, () => rejection(own.detect(bytes, { imgsz: 640 })));
    own.dispose();
    own.dispose();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(node.DisposedError);
    for (const late of [own.detect(bytes), own.warmup(), own.memory(), own.predict(SMALL), own.openMembers()]) {
      expect(await rejection(late)).toBeInstanceOf(node.DisposedError);
    }
  });

  it("load rejects bad files and options by class, takes several files, and rejects with a signal's reason", async () => {
    expect(await rejection(node.load("missing.pt", WASM))).toBeInstanceOf(node.CheckpointError);
    expect(await rejection(node.load(bytes, WASM))).toBeInstanceOf(node.CheckpointError);
    expect(await rejection(node.load([], WASM))).toBeInstanceOf(node.OptionError);
    expect(await rejection(node.load([DETECTS, "codes"], WASM))).toBeInstanceOf(node.OptionError);
    expect(await rejection(node.load(DETECTS, { backend: "gpu" as never }))).toBeInstanceOf(node.OptionError);
    const pair = await node.load([DETECTS, readFileSync(DETECTS)], WASM);
    expect(await pair.openMembers()).toHaveLength(2);
    pair.dispose();
    const controller = new AbortController();
    const loading = rejection(node.load("random:yolov5s", { ...WASM, signal: controller.signal }));
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 5);
    expect(await loading).toBe(reason);
  });

  it("load passes on the notes of the thread", async () => {
    const notes: string[] = [];
    const half = await node.load(DETECTS, { ...WASM, half: true, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([expect.stringContaining("float16 is not available on wasm")]);
    half.dispose();
    const several = await node.load(DETECTS, { ...WASM, workers: 3, half: true, onNote: (note) => notes.push(note) });
    await several.warmup(64);
    expect(notes).toEqual([notes[0], notes[0]]);
    several.dispose();
  });

  it("keep a process alive until they are answered, and an idle model does not", () => {
    const program = `
      import { load } from ${JSON.stringify(pathToFileURL(join(REPOSITORY, "dist/node.js")).href)};
      const model = await load(${JSON.stringify(DETECTS)}, { backend: "wasm" });
      await model.detect(${JSON.stringify(SMALL)}, { imgsz: 64 });
      for (let i = 0; i < 3; i++) void model.detect(${JSON.stringify(SMALL)}, { imgsz: 64 }).then(() => console.log("done"));
    `;
    const argv = ["--input-type=module", "--eval", program];
    expect(execFileSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 })).toBe("done\ndone\ndone\n");
  });
});

describe("without worker threads", () => {
  it("a note says why, and the model runs on the caller's thread", async () => {
    const notes: string[] = [];
    const model = await load(DETECTS, { ...WASM, onNote: (note) => notes.push(note) });
    expect(notes).toEqual([
      "no worker thread: dist/modelWorker.js of this package is not next to the running code, as in a bundle; the model runs on the caller's thread",
    ]);
    expect(model.members).toHaveLength(1);
    model.dispose();
  });

  it("there is no note if none were requested, and contradictions are refused", () => {
    const notes: string[] = [];
    const onNote = (note: string): unknown => notes.push(note);
    expect(threadProgram({ worker: false, onNote })).toBeUndefined();
    expect(notes).toEqual([]);
    for (const options of [{ workers: 0 }, { workers: 1.5 }, { worker: "yes" }, { worker: false, workers: 2 }]) {
      expect(() => threadProgram(options as never)).toThrow(OptionError);
    }
  });
});
