/** Pages with restrictions: sandboxes, missing features, policies. */

import { describe, expect, test } from "vitest";
import { chromiumMissing } from "../support/chromium.js";
import type { EngineWindow } from "../support/pages.js";
import { type Helpers, inputSite, installHelpers } from "./support.js";

describe.skipIf(chromiumMissing())("restricted platforms", () => {
  const { open, origin } = inputSite();

  test.each(["load", "loadInWorker"] as const)(
    "%s in a sandboxed frame: whatever its opaque origin forbids becomes a note",
    async (how) => {
      const { page } = await open("/open/");
      await page.evaluate(() => {
        const iframe = Object.assign(document.createElement("iframe"), { src: location.href });
        iframe.sandbox.add("allow-scripts");
        document.body.append(iframe);
      });
      const frame = page.frames()[1] ?? (await page.waitForEvent("frameattached"));
      await frame.waitForSelector("body[data-ready]");
      const found = await frame.evaluate(async (how) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const notes: string[] = [];
        const onNote = (note: string): void => void notes.push(note);
        const origin = globalThis.origin;
        const options = { backend: "wasm", cache: true, onNote } as const;
        const model = await engine[how]("models/codes.safetensors", options);
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        model.dispose();
        return { origin, notes, boxes: result.xyxy.length };
      }, how);
      expect(found.origin).toBe("null");
      expect(found.boxes).toBeGreaterThan(5);
      expect(found.notes.filter((note) => note.startsWith("downloads are not cached: "))).toHaveLength(1);
      await page.close();
    },
  );

  test("works without a cache, with a full cache, without workers and without shared memory", async () => {
    const { page } = await open();
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const results: Record<string, unknown> = {};
      const run = async (kind: string, how: "load" | "loadInWorker" = "load"): Promise<void> => {
        const notes: string[] = [];
        const options = { backend: "wasm", cache: true, threads: 2 } as const;
        const model = await engine[how]("models/codes.safetensors", { ...options, onNote: (note) => notes.push(note) });
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        model.dispose();
        results[kind] = { notes, boxes: result.xyxy.length };
      };
      const refuse = (error: string) => () => {
        throw new DOMException(error, "SecurityError");
      };
      const { put } = Cache.prototype;
      Cache.prototype.put = async () => refuse("the disk is full")();
      await run("full");
      Cache.prototype.put = put;
      Object.defineProperty(globalThis, "caches", { get: refuse("no caches here"), configurable: true });
      await run("forbidden");
      Object.defineProperty(globalThis, "caches", { value: undefined, configurable: true });
      await run("none");
      const own = Worker;
      Object.assign(globalThis, {
        Worker: class {
          constructor() {
            refuse("no workers here")();
          }
        },
      });
      await run("worker refused", "loadInWorker");
      Object.assign(globalThis, { Worker: undefined });
      await run("no workers", "loadInWorker");
      Object.assign(globalThis, { Worker: own });
      Object.defineProperty(globalThis, "SharedArrayBuffer", { get: refuse("no shared memory"), configurable: true });
      await run("no shared memory");
      return results as Record<string, { notes: string[]; boxes: number }>;
    });
    for (const [kind, { boxes }] of Object.entries(found)) expect(boxes, kind).toBeGreaterThan(5);
    expect(found.full.notes).toEqual(["downloads are not cached: the disk is full"]);
    expect(found.forbidden.notes).toEqual(["downloads are not cached: no caches here"]);
    expect(found.none.notes).toEqual([
      "downloads are not cached: Cache Storage needs a secure page (https or localhost)",
    ]);
    expect(found["worker refused"].notes[0]).toMatch(/^no worker: no workers here; running on the page's own thread$/);
    expect(found["no workers"].notes[0]).toMatch(/^no worker: there are no workers here; running on the page's/);
    await page.close();
  });

  test("WebP is decoded even if the policy forbids WebAssembly or chunks are missing", async () => {
    const { page } = await open("/strict/");
    const detect = () =>
      page.evaluate(async () => {
        const { engine } = globalThis as unknown as Helpers;
        const warnings: string[] = [];
        const model = await engine.load("models/codes.safetensors", { backend: "cpu" });
        const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
        const canvas = new OffscreenCanvas(320, 240);
        canvas.getContext("2d")?.drawImage(drawn, 0, 0, 320, 240);
        const file = await canvas.convertToBlob({ type: "image/webp", quality: 0.9 });
        const bytes = new Uint8Array(await file.arrayBuffer());
        const result = await model.detect(bytes, { imgsz: 64, onWarning: (text) => warnings.push(text) });
        const { width, data } = await engine.annotate(bytes, result, { hideBoxes: true, hideLabels: true });
        model.dispose();
        return { warnings, width, sum: data.reduce((sum, value) => sum + value, 0) };
      });
    const strict = await detect();
    expect(strict.warnings[0]).toMatch(/decoded by the browser, .*forbids WebAssembly; add 'wasm-unsafe-eval'/);
    await page.goto(`${origin()}/plain/`);
    await page.waitForSelector("body[data-ready]");
    await page.evaluate(installHelpers);
    await page.route("**/webpWasm*.js", (route) => route.abort());
    const missing = await detect();
    expect(missing.warnings[0]).toMatch(/decoded by the browser, .*a chunk of the bundle could not be imported/);
    await page.unroute("**/webpWasm*.js");
    const whole = await detect();
    for (const { width, sum } of [strict, missing]) {
      expect(width).toBe(whole.width);
      expect(Math.abs(sum / whole.sum - 1)).toBeLessThan(0.01);
    }
    await page.close();
  });
});
