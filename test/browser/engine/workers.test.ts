/** `loadInWorker` with several workers: the same results in the same order, with and without cross-origin isolation. */

import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

describe.skipIf(chromiumMissing())("several workers of a page", () => {
  const tests = new SiteAndBrowser(plainSites);

  test.each(["/plain/", "/isolated/"] as const)(
    "%s: lists, streams and kept predictions equal those of one worker",
    async (path) => {
      const { page, errors } = await tests.open(path);
      const found = await page.evaluate(async () => {
        const { engine } = globalThis as unknown as EngineWindow;
        const weights = "models/codes.safetensors";
        const notes: string[] = [];
        const one = await engine.loadInWorker(weights, { backend: "wasm" });
        const three = await engine.loadInWorker(weights, {
          backend: "wasm",
          workers: 3,
          onNote: (note) => notes.push(note),
        });
        const picture = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const canvas = new OffscreenCanvas(320, 240);
        const context = canvas.getContext("2d", { willReadFrequently: true });
        // The same memory for all frames: each must be taken before the next is drawn.
        const memory = new Uint8Array(320 * 240 * 4);
        function* frames() {
          for (let n = 0; n < 8; n++) {
            context?.clearRect(0, 0, 320, 240);
            context?.drawImage(picture, -n * 12, -n * 9, 420, 320);
            memory.set(context?.getImageData(0, 0, 320, 240).data ?? []);
            yield { data: memory, width: 320, height: 240, channels: 4 as const };
          }
        }
        const options = { imgsz: 256, conf: 0.1 };
        const boxes = (result: import("../../../src/index.js").Result): string =>
          result.task === "classify" ? "" : JSON.stringify(result.xyxy);
        const streamed = async (model: typeof one): Promise<string[]> => {
          const all: string[] = [];
          for await (const result of model.stream(frames(), options)) all.push(boxes(result));
          return all;
        };
        const list = ["examples/codes.png", ...Array.from({ length: 5 }, () => picture)];
        const sizes = [320, 64, 64, 256, 96, 64];
        const listed = async (model: typeof one): Promise<string[]> =>
          Promise.all(list.map((item, n) => model.detect(item, { imgsz: sizes[n] }).then(boxes)));
        const both = async <T>(act: (model: typeof one) => Promise<T>): Promise<[T, T]> => [
          await act(one),
          await act(three),
        ];
        const wholeList = async (model: typeof one): Promise<string[]> =>
          (await model.detect(list, options)).map(boxes);
        const kept = async (model: typeof one): Promise<string[]> => {
          const predictions = await Promise.all([64, 256, 320].map((imgsz) => model.predict(picture, { imgsz })));
          const results = await Promise.all(predictions.map((one) => one.result({ conf: 0.05 })));
          for (const one of predictions) one.dispose();
          return results.map(boxes);
        };
        await three.warmup(64);
        const aborting = new AbortController();
        const aborted = three
          .detect(picture, { imgsz: 640, signal: aborting.signal })
          .catch((error: Error) => error.name);
        aborting.abort();
        const answers = {
          streams: await both(streamed),
          lists: await both(listed),
          whole: await both(wholeList),
          kept: await both(kept),
          aborted: await aborted,
          wrong: await engine.loadInWorker(weights, { workers: 0 }).catch((error: Error) => error.message),
          notes,
        };
        const open = three.detect(list, { imgsz: 640 }).catch((error: Error) => error.name);
        three.dispose();
        one.dispose();
        return { ...answers, open: await open };
      });
      const [streamed, alike] = found.streams;
      expect(streamed).toHaveLength(8);
      expect(new Set(streamed).size).toBe(8);
      expect(alike).toEqual(streamed);
      for (const [one, three] of [found.lists, found.whole, found.kept]) {
        expect(one.join("").length).toBeGreaterThan(100);
        expect(three).toEqual(one);
      }
      expect(found.aborted).toBe("AbortError");
      expect(found.open).toBe("DisposedError");
      expect(found.wrong).toBe("workers must be a whole number of at least 1, got 0");
      expect(found.notes).toEqual([]);
      expect(errors).toEqual([]);
      await page.close();
    },
  );

  test("each is a separate worker; a device gets only one, with a note", async () => {
    const { page } = await tests.open("/plain/");
    const load = (backend: "wasm" | "webgpu"): Promise<string[]> =>
      page.evaluate(async (backend) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const notes: string[] = [];
        const onNote = (note: string): unknown => notes.push(note);
        await engine.loadInWorker("models/codes.safetensors", { backend, workers: 3, onNote });
        return notes;
      }, backend);
    expect(await load("wasm")).toEqual([]);
    expect(page.workers()).toHaveLength(3);
    expect(await load("webgpu")).toContain("workers: webgpu has one device, and one worker keeps it busy");
    expect(page.workers()).toHaveLength(4);
    await page.close();
  });
});
