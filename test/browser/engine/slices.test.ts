/** Slices in pages and workers: the same objects, progress, and an end when it is wanted. */

import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

describe.skipIf(chromiumMissing())("slices in a page", () => {
  const tests = new SiteAndBrowser(plainSites);

  test("a worker finds the same as the page's thread, reports progress, and stops when aborted", async () => {
    const { page, errors } = await tests.open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const options = { imgsz: 320, slice: { width: 400, overlap: 0.2 } };
      const resultOf = async (how: "load" | "loadInWorker") => {
        const model = await engine[how]("models/codes.safetensors", { backend: "wasm" });
        const steps: string[] = [];
        const onSlice = ({ done, total }: { done: number; total: number }) => steps.push(`${done}/${total}`);
        const { detections, slices } = JSON.parse(
          JSON.stringify(await model.detect("examples/codes.png", { ...options, onSlice })),
        );
        const plain = JSON.parse(JSON.stringify(await model.detect("examples/codes.png", { imgsz: 320 })));
        const leaving = new AbortController();
        const ended = await model
          .detect("examples/codes.png", { ...options, signal: leaving.signal, onSlice: () => leaving.abort() })
          .then(
            () => "answered",
            (error: Error) => error.name,
          );
        const refused = await Promise.resolve(model.predict("examples/codes.png", options)).then(
          () => "kept",
          (error: Error) => `${error.name}: ${error.message}`,
        );
        model.dispose();
        return { detections, slices, steps, plain: plain.detections.length, ended, refused };
      };
      return { page: await resultOf("load"), worker: await resultOf("loadInWorker") };
    });
    // The picture has 1000 × 750 pixels: three windows across, three down, and the whole.
    expect(found.worker.slices).toBe(9);
    expect(found.worker.steps).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}/10`));
    expect(found.worker.detections.length).toBeGreaterThan(found.worker.plain);
    expect(found.worker.ended).toBe("AbortError");
    expect(found.worker.refused).toMatch(/^OptionError: predict keeps the outputs of one input, and slice runs many/);
    expect(found.worker).toEqual(found.page);
    expect(errors).toEqual([]);
    await page.close();
  });
});
