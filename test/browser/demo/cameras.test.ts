/** Cameras and moving pictures on the demo page. */

import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { ffmpeg, ffmpegMissing } from "../../support/video.js";
import { CHROMIUM_FLAGS, chromiumMissing, chromiumPath, launchChromium } from "../support/chromium.js";
import {
  alerts,
  demoSites,
  drop,
  LONG,
  movingCodes,
  openDemo,
  PATIENCE,
  ready,
  slide,
  type Visit,
  watchAlerts,
} from "../support/demo.js";
import { createWorkspace, type Workspace } from "../support/dist.js";
import { buildDemo, plainSites } from "../support/pages.js";
import { type Site, serveSite } from "../support/server.js";

const MODEL = readFileSync(join(REPOSITORY, "models", "codes.safetensors"));

describe.skipIf(chromiumMissing())("the demo page with overlapping actions", LONG, () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;
  /** Answers that the tests hold back. */
  const held = new Map<string, ServerResponse>();

  beforeAll(async () => {
    workspace = createWorkspace();
    const from = await buildDemo(workspace);
    site = await serveSite([
      {
        at: "/held/",
        from: (path, response) => {
          response.setHeader("Content-Length", MODEL.length);
          response.write(MODEL.subarray(0, MODEL.length / 2));
          held.set(path, response);
          return true;
        },
      },
      ...plainSites(workspace),
      ...demoSites(from),
    ]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  /** The page with the embedded model's result; from then on every message that it shows is noted. */
  async function visit(options: Parameters<Browser["newContext"]>[0] = {}, prepare?: (page: Page) => Promise<unknown>) {
    const opened: Visit = await openDemo(browser, `${site.origin}/deep/er/demo/`, options, prepare);
    await ready(opened.page);
    await watchAlerts(opened.page);
    return opened;
  }

  const badge = (page: Page, text: string): Promise<unknown> => page.waitForSelector(`#badge-text:has-text("${text}")`);

  test.each([
    ["NotAllowedError", "The camera was not allowed"],
    ["NotFoundError", "No camera was found"],
    ["NotReadableError", "Is another program using it?"],
  ])("an unavailable camera (%s) leaves the picture and result in place", async (name, says) => {
    const { context, page, errors } = await visit({}, (refusing) =>
      refusing.addInitScript((kind) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", kind));
      }, name),
    );
    await page.click("#camera");
    await page.waitForSelector(`#alert:has-text("${says}")`);
    expect(await page.getAttribute("#camera", "aria-pressed")).toBe("false");
    await slide(page, "max-det", 2);
    await page.waitForFunction(() => document.querySelectorAll("#list li").length === 2);
    expect(await page.isVisible("#picture")).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("after unplugging the camera, or leaving and returning, the page shows the picture", async () => {
    const kept = await chromium.launch({
      executablePath: chromiumPath(),
      args: [...CHROMIUM_FLAGS],
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    const { context, page, errors } = await openDemo(kept, `${site.origin}/deep/er/demo/`);
    await ready(page);
    await slide(page, "imgsz", 320);
    const camera = async (): Promise<void> => {
      await page.click("#camera");
      await page.waitForSelector("#fps:has-text('FPS')");
      expect(await page.isVisible("#track-row")).toBe(true);
    };
    await camera();
    await page.evaluate(() => {
      const stream = document.querySelector("video")?.srcObject as MediaStream;
      stream.getVideoTracks()[0].dispatchEvent(new Event("ended"));
    });
    await page.waitForSelector("#alert:has-text('The camera stopped')");
    await page.waitForSelector("#summary:has-text('code')");
    expect(await page.isVisible("#track-row")).toBe(false);
    await camera();
    await page.goto(`${site.origin}/plain/`);
    await page.goBack({ waitUntil: "commit" });
    // From the cache it is the same document, else a new one; both work.
    await page.waitForSelector("#camera[aria-pressed='false']");
    await page.waitForSelector("#summary:has-text('code')");
    await slide(page, "max-det", 1);
    await page.waitForFunction(() => document.querySelectorAll("#list li").length === 1);
    expect(errors).toEqual([]);
    await context.close();
    await kept.close();
  });

  test.skipIf(ffmpegMissing())(
    "a video: frames are captured while the worker computes; backend and model change without an error",
    async () => {
      const { context, page, errors } = await visit({}, (counting) =>
        counting.addInitScript(() => {
          const counts = { asked: 0, answered: 0, waited: 0, open: 0 };
          Object.assign(globalThis, { counts });
          const Plain = VideoFrame;
          const close = Plain.prototype.close;
          const closed = new WeakSet<VideoFrame>();
          Plain.prototype.close = function () {
            if (!closed.has(this)) counts.open--;
            closed.add(this);
            close.call(this);
          };
          globalThis.VideoFrame = new Proxy(Plain, {
            construct(target, args) {
              counts.open++;
              // Captured although the worker has not answered for the frame before.
              if (counts.asked > counts.answered) counts.waited++;
              return Reflect.construct(target, args) as VideoFrame;
            },
          });
          const post = Worker.prototype.postMessage;
          Worker.prototype.postMessage = function (this: Worker, ...args: unknown[]) {
            const [message, given] = args as [{ type?: string }, unknown[]];
            if (message.type === "predict") {
              counts.asked++;
              // The frame is the worker's now.
              if (given.some((item) => item instanceof Plain)) counts.open--;
              this.addEventListener("message", () => counts.answered++, { once: true });
            }
            Reflect.apply(post, this, args);
          } as typeof post;
        }),
      );
      const counts = () =>
        page.evaluate(
          () => (globalThis as unknown as { counts: { asked: number; waited: number; open: number } }).counts,
        );
      const clip = join(workspace.folder, "moving.webm");
      ffmpeg(movingCodes(clip));
      await page.setInputFiles("#file", clip);
      await page.waitForSelector("#fps:has-text('FPS')");
      await expect.poll(async () => (await counts()).waited, PATIENCE).toBeGreaterThan(3);
      // What a newer frame replaced is closed: one waits at most, one more is on its way to the worker.
      expect((await counts()).open).toBeLessThanOrEqual(2);
      await slide(page, "imgsz", 96);
      for (const [choice, name] of [
        ["cpu", "Reference"],
        ["webgpu", "WebGPU"],
        ["wasm", "WebAssembly"],
      ]) {
        await page.selectOption("#backend", choice);
        await badge(page, name);
      }
      await drop(page, "/plain/fixtures/pytorch/cls.pt");
      await page.waitForSelector("#model-name:text-is('cls.pt')");
      await page.click("#embedded");
      await page.waitForSelector("#model-name:has-text('embedded')");
      // A file that is no video leaves the page with its picture; one that is no picture leaves the video.
      await page.setInputFiles("#file", { name: "text.png", mimeType: "image/png", buffer: Buffer.from("text") });
      await page.waitForSelector("#alert:has-text('text.png is not a picture')");
      expect(await page.isVisible("#video")).toBe(true);
      await page.click("#pause");
      await page.waitForSelector("#pause:text-is('Play')");
      await page.waitForSelector("#fps-label:text-is('total')");
      await page.setInputFiles("#file", { name: "no.mp4", mimeType: "video/mp4", buffer: Buffer.from("text") });
      await page.waitForSelector("#alert:has-text('cannot be played')");
      await page.waitForSelector("#picture");
      await page.waitForSelector("#summary:has-text('code')");
      expect((await alerts(page)).filter((text) => !/text\.png|cannot be played/.test(text))).toEqual([]);
      await expect.poll(async () => (await counts()).open, PATIENCE).toBe(0);
      expect(errors).toEqual([]);
      await context.close();
    },
  );
});
