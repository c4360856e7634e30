/** Pictures that are drawn, on WebGPU: the same boxes as from their pixels, which then need not be read. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

interface CountingWindow extends EngineWindow {
  readonly counts: { reads: number; copies: number };
}

/** Counts the ways that pixels take. */
function prepare(): void {
  const counts = { reads: 0, copies: 0 };
  Object.assign(globalThis, { counts });
  const { copyExternalImageToTexture } = GPUQueue.prototype;
  GPUQueue.prototype.copyExternalImageToTexture = function (...args) {
    counts.copies++;
    return copyExternalImageToTexture.apply(this, args);
  };
  for (const { prototype } of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
    const { getImageData } = prototype;
    prototype.getImageData = function (...args: Parameters<typeof getImageData>) {
      counts.reads++;
      return getImageData.apply(this, args);
    };
  }
}

describe.skipIf(chromiumMissing())("drawable pictures on WebGPU", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite(plainSites(workspace));
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function open(): Promise<{ page: Page; errors: readonly string[] }> {
    const page = await browser.newPage();
    const errors = watchErrors(page);
    await page.addInitScript(prepare);
    await openPlain(page, site.origin, "/plain/");
    return { page, errors };
  }

  test("canvas, bitmap and frame give the boxes of their pixels, video nearly so, and no pixel is read back", async () => {
    const { page, errors } = await open();
    const found = await page.evaluate(async () => {
      const { engine, counts } = globalThis as unknown as CountingWindow;
      // Its colour profile is gone when it has been drawn.
      const drawn = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
      const { width, height } = drawn;
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      canvas.getContext("2d")?.drawImage(drawn, 0, 0);
      const offscreen = new OffscreenCanvas(width, height);
      offscreen.getContext("2d")?.drawImage(drawn, 0, 0);
      const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height);
      if (!pixels) throw new Error("no pixels");
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = canvas.captureStream(30);
      const drawing = setInterval(() => canvas.getContext("2d")?.drawImage(drawn, 0, 0), 30);
      await video.play();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const model = await engine.load("models/codes.safetensors", { backend: "webgpu", fitPictures: true });
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const boxesOf = async (source: Parameters<typeof model.detect>[0]) => {
        const before = { ...counts };
        const [result] = await model.detect([source as ImageData], { imgsz: 320 });
        const boxes = result.task === "classify" ? [] : result.xyxy.map((row) => [...row]);
        return { boxes, reads: counts.reads - before.reads, copies: counts.copies - before.copies };
      };
      const all: Record<string, Awaited<ReturnType<typeof boxesOf>>> = {
        pixels: await boxesOf(pixels),
        canvas: await boxesOf(canvas),
        offscreen: await boxesOf(offscreen),
        bitmap: await boxesOf(await createImageBitmap(canvas)),
        frame: await boxesOf(frame),
        again: await boxesOf(frame),
        video: await boxesOf(video),
      };
      const prediction = await engine.predict(model, canvas, { imgsz: 320 });
      const predicted = prediction.result();
      const streamed: number[] = [];
      async function* frames() {
        for (let timestamp = 0; timestamp < 4; timestamp++) {
          const one = new VideoFrame(canvas, { timestamp });
          yield one;
          one.close();
        }
      }
      for await (const result of model.stream(frames(), { imgsz: 320 })) {
        streamed.push(result.task === "classify" ? 0 : result.detections.length);
      }
      const inWorker: Record<string, number[][]> = {};
      const worker = await engine.loadInWorker("models/codes.safetensors", { backend: "webgpu", fitPictures: true });
      for (const [kind, source] of Object.entries({ canvas, frame })) {
        const result = await worker.detect(source, { imgsz: 320 });
        inWorker[kind] = result.task === "classify" ? [] : result.xyxy.map((row) => [...row]);
      }
      worker.dispose();
      clearInterval(drawing);
      frame.close();
      model.dispose();
      return { all, inWorker, streamed, predicted: predicted.task === "classify" ? 0 : predicted.detections.length };
    });
    const { pixels, video, ...same } = found.all;
    expect(pixels.boxes.length).toBeGreaterThan(5);
    expect(pixels.copies).toBe(0);
    for (const [kind, { boxes, reads, copies }] of Object.entries(same)) {
      expect(boxes, kind).toEqual(pixels.boxes);
      expect({ reads, copies }, kind).toEqual({ reads: 0, copies: 1 });
    }
    // Video is stored in YUV: colours are not quite the same.
    expect({ reads: video.reads, copies: video.copies }).toEqual({ reads: 0, copies: 1 });
    expect(video.boxes.length).toBe(pixels.boxes.length);
    for (const [i, box] of video.boxes.entries()) {
      for (const [k, side] of box.slice(0, 4).entries()) expect(Math.abs(side - pixels.boxes[i][k])).toBeLessThan(3);
    }
    for (const [kind, boxes] of Object.entries(found.inWorker)) expect(boxes, kind).toEqual(pixels.boxes);
    expect(found.predicted).toBe(pixels.boxes.length);
    expect(found.streamed).toEqual(Array(4).fill(pixels.boxes.length));
    expect(errors).toEqual([]);
    await page.close();
  });

  test("unreadable pictures, pictures without pixels yet, and browsers without bitmaps are handled", async () => {
    const { page } = await open();
    const found = await page.evaluate(async () => {
      const { engine, counts } = globalThis as unknown as CountingWindow;
      const model = await engine.load("models/codes.safetensors", { backend: "webgpu", fitPictures: true });
      const image = new Image();
      image.src = `http://127.0.0.1:${location.port}/plain/examples/codes.png`;
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
      canvas.getContext("2d")?.drawImage(image, 0, 0);
      const failure = (source: Parameters<typeof model.detect>[0]) =>
        model.detect([source as ImageData], { imgsz: 64 }).then(
          () => "no error",
          (error: Error) => `${error.name}: ${error.message}`,
        );
      const tainted = await failure(canvas);
      const empty = await failure(document.createElement("video"));
      const clean = new OffscreenCanvas(64, 64);
      clean.getContext("2d")?.fillRect(0, 0, 9, 9);
      Object.assign(globalThis, { createImageBitmap: undefined });
      const before = { ...counts };
      const without = await failure(clean);
      return { tainted, empty, without, copies: counts.copies - before.copies, reads: counts.reads - before.reads };
    });
    expect(found.tainted).toMatch(/^ImageError: the picture comes from another site that sends no CORS header/);
    expect(found.empty).toMatch(/^ImageError: the <video> has no pixels yet/);
    expect(found.without).toBe("no error");
    expect([found.copies, found.reads]).toEqual([0, 1]);
    await page.close();
  });

  test("a device lost during a call: the frame is still there for the new one", async () => {
    const { page } = await open();
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as CountingWindow;
      const devices: GPUDevice[] = [];
      const { requestDevice } = GPUAdapter.prototype;
      GPUAdapter.prototype.requestDevice = async function (descriptor) {
        const device = await requestDevice.call(this, descriptor);
        devices.push(device);
        return device;
      };
      const notes: string[] = [];
      const options = {
        backend: "webgpu",
        fitPictures: true,
        onNote: (note: string) => void notes.push(note),
      } as const;
      const model = await engine.load("models/codes.safetensors", options);
      const bitmap = await createImageBitmap(await (await fetch("examples/codes.png")).blob());
      const expected = await model.detect(bitmap, { imgsz: 320 });
      const call = model.detect(bitmap, { imgsz: 320 });
      await new Promise((resolve) => setTimeout(resolve, 30));
      devices[0].destroy();
      const result = await call;
      return { notes, devices: devices.length, same: result.summary() === expected.summary() };
    });
    expect(found.devices).toBe(2);
    expect(found.same).toBe(true);
    expect(found.notes).toEqual(["the WebGPU device was lost; running again on a new one"]);
    await page.close();
  });
});
