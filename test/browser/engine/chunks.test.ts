/** The chunks that pages import when they are needed: which ones, and what happens if one cannot be fetched. */

import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

type Engine = EngineWindow["engine"];

/** The engine's chunks that the page asked for, without hash. */
function watchChunks(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const chunk = /\/dist\/browser\/(engine|webgpu|decode|quantize|verify)-\w+\.js$/.exec(request.url());
    if (chunk) asked.push(chunk[1]);
  });
  return asked;
}

describe.skipIf(chromiumMissing())("chunks of the browser entry", () => {
  const tests = new SiteAndBrowser(plainSites);

  /** Number of boxes on a backend, or `Name: message`. */
  const detect = (page: Page, how: "load" | "loadInWorker", backend: Parameters<Engine["load"]>[1] = {}) =>
    page.evaluate(
      async ({ how, backend }) => {
        const { engine } = globalThis as unknown as EngineWindow;
        try {
          const model = await engine[how]("models/codes.safetensors", backend);
          const { length } = await model.detect("examples/codes.png", { imgsz: 320 });
          model.dispose();
          return length;
        } catch (error) {
          return String(error);
        }
      },
      { how, backend },
    );

  test("the engine is fetched by load only, and WebGPU only if it is used", async () => {
    const { page, errors } = await tests.open("/plain/");
    const asked = watchChunks(page);
    const boxes = await detect(page, "loadInWorker", { backend: "webgpu" });
    expect(boxes).toBeGreaterThan(5);
    expect(asked).toEqual([]);
    expect(await detect(page, "load", { backend: "wasm" })).toBe(boxes);
    // The only adapter is software: `auto` does not take it.
    expect(await detect(page, "load", { backend: "auto" })).toBe(boxes);
    expect(asked).toEqual(["engine"]);
    expect(await detect(page, "load", { backend: "webgpu" })).toBe(boxes);
    expect(asked).toEqual(["engine", "webgpu"]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test("annotate fetches a decoder for a picture file and nothing for a canvas", async () => {
    const { page, errors } = await tests.open("/plain/");
    const asked = watchChunks(page);
    const drawn = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const model = await engine.loadInWorker("models/codes.safetensors", { backend: "wasm" });
      const result = await model.detect("examples/codes.png", { imgsz: 320 });
      model.dispose();
      engine.annotate(document.createElement("canvas"), result);
      const before = performance
        .getEntriesByType("resource")
        .filter(({ name }) => /browser\/decode-/.test(name)).length;
      const { width } = await engine.annotate("examples/codes.png", result);
      return { before, width, wanted: result.width };
    });
    expect(drawn.before).toBe(0);
    expect(drawn.width).toBe(drawn.wanted);
    expect(asked).toEqual(["decode"]);
    expect(errors).toEqual([]);
    await page.close();
  });

  test.each([
    ["engine", "load", "wasm"],
    ["webgpu", "load", "webgpu"],
    // Without a worker, it runs on the page's thread.
    ["engine", "loadInWorker", "gpujs"],
  ] as const)("with chunk %s missing, %s on %s says so, and works once it is there", async (chunk, how, backend) => {
    const { page } = await tests.open("/plain/");
    await page.route(`**/browser/${chunk}-*.js`, (route) => route.abort());
    expect(await detect(page, how, { backend })).toMatch(
      /^(Download|Device)Error: (webgpu: )?a chunk of yolov5-ts could not be imported \(.+\); host all its chunks/,
    );
    await page.unroute(`**/browser/${chunk}-*.js`);
    expect(await detect(page, how, { backend })).toBeGreaterThan(5);
    await page.close();
  });

  test("aborting while the engine is fetched rejects at once", async () => {
    const { page } = await tests.open("/plain/");
    await page.route("**/browser/engine-*.js", () => undefined);
    const outcome = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      return engine.load("models/codes.safetensors", { signal: abort.signal }).then(
        () => "loaded",
        (error: Error) => error.name,
      );
    });
    expect(outcome).toBe("AbortError");
    await page.close();
  });
});
