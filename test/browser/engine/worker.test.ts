/** The model in a worker: order, dropped frames, kept predictions, memory. */

import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

describe.skipIf(chromiumMissing())("the browser entry", () => {
  const tests = new SiteAndBrowser(plainSites);

  test("a worker answers in order, drops older frames, keeps predictions, and terminates", async () => {
    const { page, errors } = await tests.open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const model = await engine.loadInWorker("models/codes.safetensors", { backend: "wasm" });
      const local = await engine.load("models/codes.safetensors", { backend: "wasm" });
      const order: number[] = [];
      const sizes = [640, 128, 320];
      // The first needs a download, the second nothing: answers keep the order of the calls all the same.
      const small = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
      await Promise.all(
        ["examples/codes.png", small, "examples/codes.png"].map((source, i) =>
          model.detect(source, { imgsz: sizes[i] }).then(() => order.push(i)),
        ),
      );
      // Without the file's colour profile, which a bitmap loses on its way to a worker.
      const file = await (await fetch("examples/codes.png")).blob();
      const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
      const latest = await Promise.all(Array.from({ length: 6 }, () => model.detectLatest(bitmap, { imgsz: 320 })));
      const prediction = await model.predict(bitmap, { imgsz: 320, conf: 0.25 });
      const here = await engine.predict(local, bitmap, { imgsz: 320 });
      const json = (result: import("../../../src/index.js").Result): string =>
        result.task === "classify" ? "" : JSON.stringify(result.xyxy);
      const counts: number[] = [];
      const equal: boolean[] = [];
      for (const conf of [0.05, 0.25, 0.9]) {
        const [a, b] = [await prediction.result({ conf }), here.result({ conf })];
        counts.push(a.task === "classify" ? 0 : a.length);
        equal.push(json(a) === json(b) && json(a) === json(await local.detect(bitmap, { imgsz: 320, conf })));
      }
      prediction.dispose();
      const forgotten = await prediction.result({}).then(
        () => "answered",
        (error: Error) => error.name,
      );
      const given = await createImageBitmap(bitmap);
      await model.detect(given, { imgsz: 320, transfer: true });
      const wrong = await model.detect(bitmap, { conf: 7 }).catch((error) => error);
      const warnings: string[] = [];
      await model.detect(bitmap, { imgsz: 300, onWarning: (text) => warnings.push(text) });
      const [timing] = await model.profile({ dtype: "float32", shape: [1, 3, 64, 64], data: new Float32Array(12288) });
      const open = model.detect(bitmap, { imgsz: 640 }).then(
        () => "answered",
        (error: Error) => error.name,
      );
      model.dispose();
      return {
        order,
        latest: latest.map((result) => result !== undefined),
        counts,
        equal,
        forgotten,
        given: given.width,
        wrong: [wrong instanceof engine.OptionError, String(wrong.message)],
        warnings,
        timing: timing.name,
        open: await open,
      };
    });
    expect(found.order).toEqual([0, 1, 2]);
    // The first runs at once, the last one waited; those between were replaced.
    expect(found.latest).toEqual([true, false, false, false, false, true]);
    expect(found.counts[0]).toBeGreaterThan(found.counts[1]);
    expect(found.counts[1]).toBeGreaterThan(found.counts[2]);
    expect(found.equal).toEqual([true, true, true]);
    expect(found.forgotten).toBe("DisposedError");
    expect(found.given).toBe(0);
    expect(found.wrong).toEqual([true, "conf must be between 0 and 1, got 7"]);
    expect(found.warnings[0]).toMatch(/imgsz 300 must be a multiple/);
    expect(found.timing).not.toBe("");
    expect(found.open).toBe("DisposedError");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("memory stays flat over 200 frames of a stream", async () => {
    const { page, errors } = await tests.open("/plain/");
    const session = await page.context().newCDPSession(page);
    await session.send("HeapProfiler.enable");
    const used = async (): Promise<number> => {
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize;
    };
    await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const model = await engine.load("models/codes.safetensors", { backend: "wasm" });
      const bitmap = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
      const context = canvas.getContext("2d");
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = canvas.captureStream();
      let moved = 0;
      const paint = (): void => {
        moved = (moved + 3) % 40;
        context?.drawImage(bitmap, moved, 0, 320, 240);
      };
      paint();
      await video.play();
      const run = async (frames: number): Promise<number> => {
        let boxes = 0;
        for (let i = 0; i < frames; i++) {
          paint();
          const result = await model.detect(video, { imgsz: 128 });
          boxes += result.task === "classify" ? 0 : result.length;
        }
        return boxes;
      };
      Object.assign(globalThis, { run });
    });
    const run = (frames: number): Promise<number> =>
      page.evaluate((count) => (globalThis as unknown as { run(n: number): Promise<number> }).run(count), frames);
    await run(20);
    const before = await used();
    await run(100);
    const middle = await used();
    await run(100);
    const after = await used();
    console.log(`heap after 20, 120, 220 frames: ${before}, ${middle}, ${after} bytes`);
    // A kept frame would be 100 × 300 kB.
    expect(after - before).toBeLessThan(2_000_000);
    expect(after - middle).toBeLessThan(1_000_000);
    expect(errors).toEqual([]);
    await page.close();
  });
});
