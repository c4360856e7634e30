/** The built browser entry in Chromium, from a page without a bundler, under several policies. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectBoxes, parityCase } from "./support/boxes.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, type Policy, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

/** gzipped, in bytes, chunks that they import at once included: what a page loads before the first picture. */
const ENTRY_LIMITS = { "browser.js": 183_000, "index.js": 201_000 } as const;

describe.skipIf(chromiumMissing())("the browser entry", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite([{ at: "/answers/", from: answers }, ...plainSites(workspace)]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function open(policy: Policy): Promise<{ page: Page; errors: readonly string[] }> {
    const page = await browser.newPage();
    const errors = watchErrors(page);
    await openPlain(page, site.origin, policy);
    return { page, errors };
  }

  test(`is at most ${Object.values(ENTRY_LIMITS).map((limit) => limit / 1000)} kB gzipped and names no module of Node`, () => {
    const dist = join(workspace.packageFolder, "dist");
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
    for (const file of ["index.js", "browser.js", "worker.js", ...chunks.map((chunk) => `browser/${chunk}`)]) {
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
    test("boxes are PyTorch's", async () => {
      const wanted = parityCase(backend === "webgpu" ? 320 : 640);
      const { page, errors } = await open(policy);
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

  test("script-src 'self': no WebAssembly, no blob worker, no failure: a note each, and the reference", async () => {
    const { page } = await open("/strict/");
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

  test("without a worker file either, loadInWorker runs on the page's thread and says so", async () => {
    const { page } = await open("/strict/");
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

  test("every kind of picture gives the same boxes, on the page and in a worker", async () => {
    const { page, errors } = await open("/plain/");
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

  test("loading: progress, cache, abort, and a plain sentence for each failure", async () => {
    const { page } = await open("/plain/");
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const failure = async (work: Promise<unknown>): Promise<string> =>
        work.then(
          () => "no error",
          (error: Error) => `${error.name}: ${error.message}`,
        );
      const progress: number[] = [];
      const options = { backend: "cpu", cache: true } as const;
      const onProgress = ({ loaded, total = 0 }: { loaded: number; total: number | undefined }): void => {
        progress.push(loaded / total);
      };
      (await engine.load("models/codes.safetensors", { ...options, onProgress })).dispose();
      const kept = await (await caches.open(engine.CACHE_NAME)).match("models/codes.safetensors");
      const counted = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("codes.safetensors"));
      (await engine.load("models/codes.safetensors", options)).dispose();
      const again = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("codes.safetensors"));
      const inWorker: number[] = [];
      const worker = await engine.loadInWorker("models/codes.safetensors", {
        backend: "cpu",
        onProgress: ({ loaded }) => inWorker.push(loaded),
      });
      worker.dispose();
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      const { signal } = abort;
      return {
        progress,
        kept: kept !== undefined,
        fetches: [counted.length, again.length],
        inWorker: inWorker.at(-1),
        missing: await failure(engine.load("nothing/here.pt")),
        page: await failure(engine.load("/answers/page")),
        empty: await failure(engine.load("/answers/empty")),
        cut: await failure(engine.load("/answers/cut")),
        cors: await failure(engine.load(`http://127.0.0.1:${location.port}/plain/models/codes.safetensors`)),
        workerMissing: await failure(engine.loadInWorker("nothing/here.pt")),
        aborted: await failure(engine.load("/answers/slow", { signal })),
        workerAborted: await failure(engine.loadInWorker("/answers/slow", { signal: AbortSignal.timeout(500) })),
        text: await failure(engine.load(new Blob(["hello, I am no checkpoint at all"]))),
      };
    });
    expect(found.progress.at(-1)).toBe(1);
    expect(found.kept).toBe(true);
    expect(found.fetches[1]).toBe(found.fetches[0]);
    expect(found.inWorker).toBeGreaterThan(900_000);
    expect(found.missing).toMatch(/^DownloadError: nothing\/here\.pt: the server answered 404/);
    expect(found.workerMissing).toMatch(/^DownloadError: .*nothing\/here\.pt: the server answered 404/);
    expect(found.page).toMatch(/^DownloadError: .*sent a web page instead of the file/);
    expect(found.empty).toMatch(/^DownloadError: .*empty file/);
    expect(found.cut).toMatch(/^DownloadError: .*the connection ended after \d+ of 100000 bytes/);
    expect(found.cors).toMatch(/^DownloadError: .*Access-Control-Allow-Origin/);
    expect(found.aborted).toMatch(/^AbortError/);
    expect(found.workerAborted).toMatch(/^TimeoutError/);
    expect(found.text).toMatch(/^CheckpointError: /);
    await page.close();
  });

  test("a worker answers in order, drops older frames, keeps predictions, and ends", async () => {
    const { page, errors } = await open("/plain/");
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
      const json = (result: import("../../src/index.js").Result): string =>
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
    const { page, errors } = await open("/plain/");
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

/** Answers that are no checkpoints. */
function answers(path: string, response: import("node:http").ServerResponse): boolean {
  switch (path) {
    case "page":
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>Not here</title>");
      return true;
    case "empty":
      response.end();
      return true;
    case "cut":
      response.setHeader("Content-Length", 100_000);
      response.write(Buffer.alloc(1000));
      setTimeout(() => response.destroy(), 50);
      return true;
    case "slow":
      response.setHeader("Content-Length", 100_000);
      response.write(Buffer.alloc(1000));
      return true;
    default:
      return false;
  }
}
