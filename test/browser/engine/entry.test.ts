/** The built browser entry in Chromium, from a page without a bundler, under several policies. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { expectBoxes, parityCase } from "../support/boxes.js";
import { chromiumMissing } from "../support/chromium.js";
import { type EngineWindow, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

/** gzipped, in bytes, chunks that they import at once included. docs/browser.md has the sizes. */
const ENTRY_LIMITS = {
  "browser.js": 40_000,
  "page.js": 106_000,
  "index.js": 210_000,
  "service-worker.js": 257_000,
} as const;

describe.skipIf(chromiumMissing())("the browser entry", () => {
  const tests = new SiteAndBrowser(plainSites);

  test(`is at most ${Object.values(ENTRY_LIMITS).map((limit) => limit / 1000)} kB gzipped and names no module of Node`, () => {
    const dist = join(tests.workspace.packageFolder, "dist");
    const sizeOf = (file: string): number => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
    const chunks = readdirSync(join(dist, "browser")).filter((file) => file.endsWith(".js"));
    const importedAtOnce = (file: string, known = new Set<string>()): Set<string> => {
      if (known.has(file)) return known;
      known.add(file);
      const text = readFileSync(join(dist, file), "utf8");
      for (const [, path] of text.matchAll(/(?:from|import)"(\.[^"]+)"/g))
        importedAtOnce(join(dirname(file), path), known);
      return known;
    };
    const loaded = (entry: string): number => [...importedAtOnce(entry)].reduce((sum, file) => sum + sizeOf(file), 0);
    const table = [
      ...Object.keys(ENTRY_LIMITS).map((file) => [file, loaded(file)]),
      ...chunks.map((file) => [`browser/${file}`, sizeOf(`browser/${file}`)]),
    ];
    console.log(`gzipped: ${table.map(([file, bytes]) => `${file} ${bytes}`).join(", ")}`);
    for (const [entry, limit] of Object.entries(ENTRY_LIMITS)) {
      expect(importedAtOnce(entry).size).toBeGreaterThan(1);
      expect(loaded(entry)).toBeLessThanOrEqual(limit);
    }
    for (const file of [...Object.keys(ENTRY_LIMITS), "worker.js", ...chunks.map((chunk) => `browser/${chunk}`)]) {
      const text = readFileSync(join(dist, file), "utf8");
      expect(text, file).not.toMatch(/(?:from|import)\s*\(?["']node:/);
      expect(text, file).not.toMatch(/\bnew Function\(|[^.\w]eval\(/);
    }
  });

  describe.each([
    ["/plain/", "load", "wasm", "1 thread"],
    ["/plain/", "loadInWorker", "wasm", "1 thread"],
    ["/isolated/", "load", "wasm", "2 threads"],
    ["/isolated/", "loadInWorker", "wasm", "2 threads"],
    ["/wasm/", "loadInWorker", "wasm", "1 thread"],
    ["/plain/", "load", "webgpu", "(software)"],
    ["/plain/", "loadInWorker", "webgpu", "(software)"],
  ] as const)("%s %s on %s", (policy, how, backend, adapter) => {
    test("boxes equal PyTorch's", async () => {
      const wanted = parityCase(backend === "webgpu" ? 320 : 640);
      const { page, errors } = await tests.open(policy);
      const found = await page.evaluate(
        async ({ how, backend, weightsUrl, pictureUrl, options }) => {
          const { engine } = globalThis as unknown as EngineWindow;
          const model = await engine[how](weightsUrl, { backend, threads: 2 });
          const result = await model.detect(pictureUrl, options);
          const { device } = model;
          model.dispose();
          const late = await model.detect(pictureUrl).then(
            () => "answered",
            (error: Error) => error.name,
          );
          return { device, late, detections: result.task === "classify" ? [] : [...result.detections] };
        },
        { how, backend, ...wanted },
      );
      expectBoxes(found.detections, wanted.expected);
      expect(found.device.name).toBe(backend);
      expect(found.device.adapter).toContain(adapter);
      expect(found.late).toBe("DisposedError");
      expect(errors).toEqual([]);
      await page.close();
    });
  });

  test("script-src 'self': without WebAssembly and blob workers it runs on the reference, with a note for each", async () => {
    const { page } = await tests.open("/strict/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const notes: string[] = [];
      const boxes: unknown[] = [];
      const devices: string[] = [];
      for (const how of ["load", "loadInWorker"] as const) {
        const model = await engine[how]("models/codes.safetensors", { onNote: (note) => notes.push(note) });
        const result = await model.detect("examples/codes.png", { imgsz: 320 });
        boxes.push(result.summary());
        devices.push(model.device.name);
        model.dispose();
      }
      const asked = await engine.load("models/codes.safetensors", { backend: "wasm" }).then(
        () => "loaded",
        (error: Error) => `${error.name}: ${error.message}`,
      );
      return { notes, boxes, devices, asked };
    });
    expect(found.devices).toEqual(["cpu", "cpu"]);
    expect(found.boxes[0]).toMatch(/qr_code/);
    expect(found.boxes[1]).toBe(found.boxes[0]);
    expect(found.notes.join("\n")).toMatch(/not on WASM: the page's Content-Security-Policy forbids WebAssembly/);
    expect(found.asked).toMatch(/^DeviceError: wasm: .*wasm-unsafe-eval/);
    await page.close();
  });

  test("without a worker file, loadInWorker runs on the page's thread and says so", async () => {
    const { page } = await tests.open("/strict/");
    await page.route("**/worker.js", (route) => route.abort());
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const notes: string[] = [];
      const model = await engine.loadInWorker("models/codes.safetensors", { onNote: (note) => notes.push(note) });
      const result = await model.detect("examples/codes.png", { imgsz: 320 });
      model.dispose();
      return { notes, summary: result.summary() };
    });
    expect(found.summary).toMatch(/qr_code/);
    expect(found.notes[0]).toMatch(/^no worker: .*running on the page's own thread$/);
    await page.close();
  });

  test("every kind of picture gives the same boxes on the page and in a worker", async () => {
    const { page, errors } = await tests.open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      // Written by a canvas, so without a colour profile: browsers apply those when they draw, OpenCV does not.
      const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
      const source = new OffscreenCanvas(drawn.width, drawn.height);
      source.getContext("2d")?.drawImage(drawn, 0, 0);
      const blob = await source.convertToBlob({ type: "image/png" });
      const url = URL.createObjectURL(blob);
      const image = new Image();
      image.src = url;
      await image.decode();
      const { width, height } = image;
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      canvas.getContext("2d")?.drawImage(image, 0, 0);
      const offscreen = new OffscreenCanvas(width, height);
      offscreen.getContext("2d")?.drawImage(image, 0, 0);
      const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height);
      if (!pixels) throw new Error("no pixels");
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = canvas.captureStream(30);
      const drawing = setInterval(() => canvas.getContext("2d")?.drawImage(image, 0, 0), 30);
      await video.play();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const sources = {
        url,
        absolute: new URL(url, location.href),
        blob,
        file: new File([blob], "codes.png"),
        buffer: await blob.arrayBuffer(),
        bytes: new Uint8Array(await blob.arrayBuffer()),
        raw: { data: new Uint8Array(pixels.data), width, height },
        imageData: pixels,
        bitmap: await createImageBitmap(image),
        image,
        canvas,
        offscreen,
        frame: new VideoFrame(canvas, { timestamp: 0 }),
        video,
      };
      const results: Record<string, string> = {};
      for (const how of ["load", "loadInWorker"] as const) {
        const model = await engine[how]("models/codes.safetensors", { backend: "wasm" });
        for (const [kind, source] of Object.entries(sources)) {
          const result = await model.detect(source, { imgsz: 320 });
          results[`${how} ${kind}`] = result.task === "classify" ? "" : JSON.stringify(result.xyxy);
        }
        // Twice: nothing that the caller owns was given away.
        await model.detect(sources.bitmap, { imgsz: 320 });
        await model.detect(sources.frame, { imgsz: 320 });
        model.dispose();
      }
      clearInterval(drawing);
      sources.frame.close();
      return results;
    });
    const boxes = JSON.parse(found["load url"]) as number[][];
    expect(boxes.length).toBeGreaterThan(5);
    for (const [kind, text] of Object.entries(found)) {
      // Video is stored in YUV: colours are not quite the same.
      if (kind.endsWith("video")) expect(JSON.parse(text).length, kind).toBeGreaterThan(5);
      else expect(text, kind).toBe(found["load url"]);
    }
    expect(errors).toEqual([]);
    await page.close();
  });
});
