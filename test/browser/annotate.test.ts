/** Drawing on canvases in Chromium: boxes and masks lie on the same pixels as in Node's pictures, at every size. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AnnotateStyle,
  annotate,
  DetectionResult,
  type RgbImage,
  type SegmentedDetection,
} from "../../src/node.js";
import { encodeRle, maskFromBitmap } from "../../src/yolov5/output/masks/rle.js";
import { chromiumMissing, launchChromium, watchErrors } from "./support/chromium.js";
import { createWorkspace, type Workspace } from "./support/dist.js";
import { type EngineWindow, openPlain, plainSites } from "./support/pages.js";
import { type Site, serveSite } from "./support/server.js";

const [WIDTH, HEIGHT] = [320, 200];
const facts = {
  ...{ width: WIDTH, height: HEIGHT, input: [1, 3, 224, 320], names: ["person", "dog"] },
  speed: { preprocess: 0, inference: 0, postprocess: 0 },
};

/** A disc, as a mask of the picture. */
function disc(x: number, y: number, radius: number) {
  const bitmap = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    Number(Math.hypot((i % WIDTH) - x, Math.floor(i / WIDTH) - y) <= radius),
  );
  return encodeRle(maskFromBitmap(bitmap, HEIGHT, WIDTH));
}

const plain = [
  { xmin: 20.4, ymin: 30.5, xmax: 120.6, ymax: 150, confidence: 0.9, class: 0, name: "person" },
  { xmin: 200, ymin: 60, xmax: 310.2, ymax: 180.9, confidence: 0.6, class: 1, name: "dog", track: 4 },
];
const detections = plain.map((detection, i) => ({ ...detection, mask: disc(70 + 180 * i, 100, 45) }));

describe.skipIf(chromiumMissing())("annotate in a page", () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;
  let page: Page;
  let errors: readonly string[];

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite(plainSites(workspace));
    browser = await launchChromium();
    page = await browser.newPage();
    errors = watchErrors(page);
    await openPlain(page, site.origin, "/plain/");
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  /** RGB bytes of what the page draws on grey. */
  const drawnInPage = async (width: number, height: number, style: AnnotateStyle): Promise<Uint8Array> => {
    const bytes = await page.evaluate(
      ({ facts, detections, width, height, style }) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        const context = canvas.getContext("2d");
        if (!context) throw new Error("no context");
        context.fillStyle = "rgb(100 100 100)";
        context.fillRect(0, 0, width, height);
        const result = new engine.DetectionResult(facts, detections as never, "segment");
        engine.annotate(canvas, result as never, style);
        const { data } = context.getImageData(0, 0, width, height);
        let bytes = "";
        for (let i = 0; i < data.length; i += 4) bytes += String.fromCharCode(data[i], data[i + 1], data[i + 2]);
        return bytes;
      },
      { facts, detections, width, height, style },
    );
    return Buffer.from(bytes, "latin1");
  };

  const drawnInNode = (width: number, height: number, style: AnnotateStyle): Promise<RgbImage> => {
    const image = { width, height, data: new Uint8Array(width * height * 3).fill(100) };
    const result = new DetectionResult(facts, detections as unknown as SegmentedDetection[], "segment");
    return annotate(image, result, style);
  };

  test.each([
    [WIDTH, HEIGHT],
    [2 * WIDTH, 2 * HEIGHT],
    [757, 311],
    [111, 93],
  ])("boxes and masks at %i×%i are the same as in Node", async (width, height) => {
    const boxes = { hideLabels: true, maskAlpha: 0 };
    const [there, here] = [await drawnInPage(width, height, boxes), await drawnInNode(width, height, boxes)];
    expect(Buffer.compare(there, here.data)).toBe(0);
    for (const style of [
      { hideLabels: true },
      { hideLabels: true, opacity: 0.3, lineThickness: 6 },
      { hideLabels: true, theme: "high-contrast" as const },
    ]) {
      const masked = await drawnInPage(width, height, style);
      const expected = await drawnInNode(width, height, style);
      const worst = masked.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i])), 0);
      // Chromium blends with an alpha of eight bits.
      expect(worst).toBeLessThanOrEqual(2);
    }
  });

  test("labels use the page's fonts and Node's colours, and stay within the canvas", async () => {
    const style = { fontFamily: "sans-serif", fontSize: 16, maskAlpha: 0 };
    const drawn = await drawnInPage(WIDTH, HEIGHT, style);
    const bare = await drawnInPage(WIDTH, HEIGHT, { ...style, hideLabels: true });
    const changed = Array.from(drawn).flatMap((value, i) => (value === bare[i] ? [] : [Math.floor(i / 3)]));
    // Two labels of 20 pixels' height.
    expect(changed.length).toBeGreaterThan(1500);
    const rows = changed.map((i) => Math.floor(i / WIDTH));
    expect(Math.min(...rows)).toBe(31 - 1 - 20);
    const at = (x: number, y: number): number[] =>
      Array.from(drawn.subarray((y * WIDTH + x) * 3, (y * WIDTH + x) * 3 + 3));
    expect(at(21, 12)).toEqual([255, 56, 56]);
  });

  test("every kind of target works, and the context is left as it was", async () => {
    const found = await page.evaluate(
      ({ facts, plain }) => {
        const { engine } = globalThis as unknown as EngineWindow;
        const result = new engine.DetectionResult(facts, plain);
        const { width, height } = facts;
        const sums: Record<string, number> = {};
        const sum = (context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D): number =>
          context.getImageData(0, 0, width, height).data.reduce((a, b, i) => (a + b * ((i % 97) + 1)) % 1_000_003, 0);
        const element = (): CanvasRenderingContext2D => {
          const made = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
          if (!made) throw new Error("no context");
          return made;
        };
        const canvas = element();
        engine.annotate(canvas.canvas, result);
        sums.canvas = sum(canvas);
        const context = element();
        context.fillStyle = "#123456";
        context.globalAlpha = 0.25;
        context.globalCompositeOperation = "destination-out";
        context.shadowBlur = 9;
        context.shadowColor = "red";
        context.filter = "blur(4px)";
        context.letterSpacing = "20px";
        context.direction = "rtl";
        context.textAlign = "center";
        context.setLineDash([3, 3]);
        context.setTransform(2, 0.5, 0, 2, 40, 7);
        engine.annotate(context, result);
        sums.context = sum(context);
        const after = [
          ...[context.fillStyle, context.globalAlpha, context.globalCompositeOperation, context.shadowColor],
          ...[context.filter, context.letterSpacing, context.direction, context.textAlign, context.getLineDash()],
          ...[context.getTransform().toString()],
        ];
        const offscreen = new OffscreenCanvas(width, height);
        engine.annotate(offscreen, result);
        const inner = offscreen.getContext("2d");
        if (!inner) throw new Error("no context");
        sums.offscreen = sum(inner);
        inner.clearRect(0, 0, width, height);
        engine.annotate(inner, result);
        sums.offscreenContext = sum(inner);
        return { sums, after };
      },
      { facts, plain },
    );
    expect(found.sums.canvas).toBeGreaterThan(0);
    for (const [kind, sum] of Object.entries(found.sums)) expect(sum, kind).toBe(found.sums.canvas);
    expect(found.after).toEqual([
      ...["#123456", 0.25, "destination-out", "#ff0000", "blur(4px)", "20px", "rtl", "center", [3, 3]],
      "matrix(2, 0.5, 0, 2, 40, 7)",
    ]);
  });

  test("pixels, files, addresses and elements are drawn on copies", async () => {
    const found = await page.evaluate(async () => {
      const { engine } = globalThis as unknown as EngineWindow;
      const model = await engine.load("models/codes.safetensors", { backend: "wasm" });
      const file = await (await fetch("examples/codes.png")).blob();
      const bitmap = await createImageBitmap(file);
      const result = await model.detect(bitmap, { imgsz: 320 });
      const image = new Image();
      image.src = "examples/codes.png";
      await image.decode();
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d");
      context?.drawImage(bitmap, 0, 0);
      const pixels = context?.getImageData(0, 0, bitmap.width, bitmap.height);
      if (!pixels) throw new Error("no pixels");
      const before = pixels.data.slice();
      const pictures: Record<string, Parameters<typeof engine.annotate>[0]> = { pixels, file, bitmap, image };
      const sizes: Record<string, unknown> = {};
      for (const [kind, picture] of Object.entries(pictures)) {
        const { width, height, data } = await engine.annotate(picture as ImageData, result, { hideLabels: true });
        sizes[kind] = [
          width,
          height,
          data.length,
          data.filter((v, i) => v !== before[Math.floor(i / 3) * 4 + (i % 3)]).length > 500,
        ];
      }
      const same = before.every((value, i) => value === pixels.data[i]);
      const byUrl = (await engine.annotate("examples/codes.png", result)).width;
      const worker = await engine.loadInWorker("models/codes.safetensors", { backend: "wasm" });
      const fromWorker = await worker.detect(bitmap, { imgsz: 320 });
      engine.annotate(canvas, fromWorker);
      const refused = async (call: () => unknown): Promise<string> => {
        try {
          await call();
          return "no error";
        } catch (error) {
          return String(error);
        }
      };
      const webgl = new OffscreenCanvas(4, 4);
      webgl.getContext("webgl2");
      const given = document.createElement("canvas");
      given.transferControlToOffscreen();
      const messages = {
        save: await refused(() => result.save("out.jpg")),
        workerSave: await refused(() => fromWorker.save("out.jpg")),
        savePicture: await refused(() => engine.savePicture("out.jpg", pixels)),
        encode: await refused(() => engine.encodePng(pixels as never)),
        webgl: await refused(() => engine.annotate(webgl, result)),
        given: await refused(() => engine.annotate(given, result)),
        style: await refused(() => engine.annotate(canvas, result, { opacity: 7 })),
        list: await refused(() => engine.annotate(canvas, [result] as never)),
      };
      worker.dispose();
      model.dispose();
      return { sizes, same, byUrl, width: bitmap.width, height: bitmap.height, messages };
    });
    const { width, height } = found;
    for (const [kind, size] of Object.entries(found.sizes)) {
      expect(size, kind).toEqual([width, height, width * height * 3, true]);
    }
    expect([found.same, found.byUrl]).toEqual([true, width]);
    expect(found.messages.save).toMatch(
      /^UnsupportedError: save needs a result of model\.detect in Node; in a page draw with annotate/,
    );
    expect(found.messages.workerSave).toBe(found.messages.save);
    expect(found.messages.savePicture).toMatch(/^UnsupportedError: savePicture needs Node; in a page draw on a canvas/);
    expect(found.messages.encode).toMatch(/^UnsupportedError: encodePng needs Node/);
    expect(found.messages.webgl).toMatch(/^ImageError: annotate: this canvas has no 2-D context/);
    expect(found.messages.given).toBe(found.messages.webgl);
    expect(found.messages.style).toBe("OptionError: opacity must be between 0 and 1, got 7");
    expect(found.messages.list).toMatch(/^OptionError: annotate: the result must be one returned by model\.detect/);
    expect(errors).toEqual([]);
  });
});
