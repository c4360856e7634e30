/** The built demo page, used as a visitor uses it. */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FULL } from "../../support/full.js";
import { ffmpeg, ffmpegMissing } from "../../support/video.js";
import { expectBoxes, parityCase } from "../support/boxes.js";
import { chromiumMissing, launchChromium } from "../support/chromium.js";
import {
  copied,
  demoSites,
  drop,
  type Host,
  idle,
  LONG,
  movingCodes,
  openDemo,
  PATIENCE,
  ready,
  slide,
  type Visit,
} from "../support/demo.js";
import { createWorkspace, type Workspace } from "../support/dist.js";
import { buildDemo, plainSites } from "../support/pages.js";
import { type Site, serveSite } from "../support/server.js";

describe.skipIf(chromiumMissing())("the demo page", LONG, () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    const from = await buildDemo(workspace);
    site = await serveSite([...plainSites(workspace), ...demoSites(from)]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  /** Opens the page and waits for the embedded model's result on the sample. */
  async function visit(host: Host, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visit> {
    const opened = await openDemo(browser, `${site.origin}/${host}/`, options);
    await ready(opened.page);
    return opened;
  }

  const count = async (page: Page): Promise<number> => (await copied(page)).detections.length;

  test.each([
    ["demo-alone", /1 thread$/],
    ["deep/er/demo", /[2-8] threads$/],
  ] as const)(
    "%s: after dropping a checkpoint and a picture, the boxes equal PyTorch's on wasm (%s), webgpu and gpujs",
    async (path, threads) => {
      const wanted = parityCase(640);
      const small = parityCase(320);
      const official = wanted.weights.endsWith("yolov5n.pt");
      const { context, page, errors } = await visit(path);
      expect(await page.textContent("#badge-text")).toMatch(threads);
      expect(await page.textContent("#why")).toContain("Not on WebGPU");
      await drop(page, `/plain/${wanted.weightsUrl}`);
      await page.waitForSelector(`#model-name:has-text("${basename(wanted.weights)}")`);
      await idle(page);
      await drop(page, `/plain/${wanted.pictureUrl}`);
      if (official) await page.waitForSelector("#summary:has-text('4 persons, 1 bus')");
      await idle(page);
      // The twin's checkpoint has its answers at settings that the page's sliders do not meet.
      if (official) expectBoxes((await copied(page)).detections, wanted.expected);
      else expect(await count(page)).toBeGreaterThan(0);
      if (path === "demo-alone") {
        await slide(page, "imgsz", 320);
        await page.selectOption("#backend", "webgpu");
        await page.waitForSelector("#badge[data-kind='software']");
        await idle(page);
        await page.waitForFunction(() => document.querySelector("#summary")?.textContent !== "Nothing yet");
        if (official) expectBoxes((await copied(page)).detections, small.expected);
        expect(await page.textContent("#badge-text")).toMatch(/^WebGPU · .*\(software\)$/);
        // Software WebGL2 takes half a minute.
        if (FULL) {
          await page.selectOption("#backend", "gpujs");
          await page.waitForSelector("#badge-text:has-text('WebGL2')");
          await idle(page);
          await page.waitForFunction(() => document.querySelector("#summary")?.textContent !== "Nothing yet");
          if (official) expectBoxes((await copied(page)).detections, small.expected);
          expect(await page.textContent("#badge-text")).toMatch(/^WebGL2 · .*\(software\)$/);
          expect(await page.textContent("#why")).toContain("page's own thread");
          expect(await page.getAttribute("#badge", "data-kind")).toBe("software");
        }
      }
      expect(errors.filter((text) => !text.includes("404"))).toEqual([]);
      await context.close();
    },
  );

  test("thresholds re-run NMS only, the size re-runs the network, and files can be saved", async () => {
    const { context, page, errors } = await visit("deep/er/demo");
    const network = await page.textContent("#time-net");
    const before = await count(page);
    await slide(page, "conf", 0.8);
    await page.waitForFunction((n) => document.querySelectorAll("#list li").length < n, before);
    const fewer = await count(page);
    expect(fewer).toBeLessThan(before);
    await page.click("#classes summary");
    await page.click("#classes-none");
    await page.waitForSelector("#summary:has-text('(no detections)')");
    await page.check("#class-list label:has-text('qr_code') input");
    await page.waitForSelector("#summary:has-text('2 qr_codes')");
    expect(await page.textContent("#classes-state")).toBe("1 of 4");
    await page.check("#agnostic");
    await slide(page, "max-det", 1);
    await page.waitForSelector("#summary:text-is('1 qr_code')");
    // To the millisecond's last digit the same run.
    expect(await page.textContent("#time-net")).toBe(network);
    await page.click("#reset");
    await page.waitForFunction((n) => document.querySelectorAll("#list li").length === n, before);
    await idle(page);

    const [png] = await Promise.all([page.waitForEvent("download"), page.click("#png")]);
    const bytes = readFileSync(await png.path());
    expect([bytes.subarray(1, 4).toString(), bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([
      "PNG",
      1000,
      750,
    ]);
    const [txt] = await Promise.all([page.waitForEvent("download"), page.click("#txt")]);
    const lines = readFileSync(await txt.path(), "utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(before);
    for (const line of lines) expect(line).toMatch(/^[0-3]( 0\.\d+){5}$/);
    await page.click("#layers summary");
    await page.click("#profile");
    await page.waitForSelector("#profile-table tbody tr");
    expect(errors).toEqual([]);
    await context.close();
  });

  test("the overlay covers the picture at every width and pixel density, and nothing overflows", async () => {
    for (const [width, deviceScaleFactor] of [
      [1280, 1],
      [390, 3],
      [320, 2],
    ] as const) {
      const { context, page } = await visit("deep/er/demo", { viewport: { width, height: 800 }, deviceScaleFactor });
      const found = await page.evaluate(() => {
        const overlay = document.querySelector<HTMLCanvasElement>("#overlay");
        const picture = document.querySelector<HTMLCanvasElement>("#picture");
        if (!overlay || !picture) throw new Error("no canvas");
        const [a, b] = [overlay.getBoundingClientRect(), picture.getBoundingClientRect()];
        return {
          apart: Math.max(
            Math.abs(a.x - b.x),
            Math.abs(a.y - b.y),
            Math.abs(a.width - b.width),
            Math.abs(a.height - b.height),
          ),
          aspect: b.width / b.height - picture.width / picture.height,
          pixels: [overlay.width - a.width * devicePixelRatio, overlay.height - a.height * devicePixelRatio],
          overflow: document.documentElement.scrollWidth - innerWidth,
        };
      });
      expect(found.apart).toBeLessThan(0.5);
      expect(Math.abs(found.aspect)).toBeLessThan(0.02);
      for (const difference of found.pixels) expect(Math.abs(difference)).toBeLessThanOrEqual(1);
      expect(found.overflow).toBeLessThanOrEqual(0);
      await context.close();
    }
  });

  test("the camera starts and stops; wrong files get a plain sentence and the page keeps working", async () => {
    const { context, page, errors } = await visit("deep/er/demo");
    await slide(page, "imgsz", 320);
    await page.click("#camera");
    await page.waitForSelector("#fps:has-text('FPS')");
    expect(await page.getAttribute("#camera", "aria-pressed")).toBe("true");
    const label = (): Promise<string | undefined> =>
      page.evaluate(() => {
        const stream = document.querySelector("video")?.srcObject;
        return stream instanceof MediaStream ? stream.getVideoTracks()[0]?.label : undefined;
      });
    const first = await label();
    await page.click("#flip");
    await expect.poll(async () => ((await label()) ?? first) !== first, PATIENCE).toBe(true);
    await page.click("#camera");
    await page.waitForSelector("#camera-text:text-is('Camera')");
    await page.waitForSelector("#summary:has-text('code')");
    expect(await page.evaluate(() => document.querySelector("video")?.srcObject)).toBeNull();
    await page.setInputFiles("#model-file", {
      name: "best.pt",
      mimeType: "",
      buffer: Buffer.from("<!doctype html><p>404"),
    });
    await page.waitForSelector("#alert:has-text('best.pt')");
    expect(await page.textContent("#alert-text")).toMatch(/HTML|web page/i);
    await page.setInputFiles("#file", { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("a text") });
    await page.waitForSelector("#alert:has-text('notes.jpg is not a picture')");
    await page.fill("#url", `${site.origin}/nothing.pt`);
    await page.press("#url", "Enter");
    await page.waitForSelector("#alert:has-text('answered 404')");
    await page.click("#alert-close");
    expect(await page.textContent("#model-name")).toContain("codes");
    await slide(page, "conf", 0.26);
    await page.waitForSelector("#list li");
    expect(errors.filter((text) => !text.includes("404"))).toEqual([]);
    await context.close();
  });

  test.skipIf(ffmpegMissing())("tracking: codes that move through a video keep their IDs", async () => {
    const { context, page, errors } = await visit("deep/er/demo");
    await slide(page, "imgsz", 480);
    const clip = join(workspace.folder, "codes.webm");
    ffmpeg(movingCodes(clip));
    await page.setInputFiles("#file", clip);
    await page.waitForSelector("#fps:has-text('FPS')");
    expect(await page.textContent("#list")).not.toContain("#");
    await page.check("#track");
    await page.waitForSelector("#list .name:has-text('#1')");
    const names = (): Promise<string[]> => page.locator("#list .name").allTextContents();
    const first = new Set((await names()).filter((name) => name.includes("#")));
    expect(first.size).toBeGreaterThan(2);
    // Later, who was there at the start still is.
    await page.waitForTimeout(4000);
    const kept = (await names()).filter((name) => first.has(name));
    expect(kept.length).toBeGreaterThan(2);
    await page.uncheck("#track");
    await page.waitForFunction(() => !document.querySelector("#list")?.textContent?.includes("#"));
    expect(errors).toEqual([]);
    await context.close();
  });

  test("every control has a name and can be reached by keyboard", async () => {
    const { context, page } = await visit("deep/er/demo");
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, input, select, canvas[role], progress")]
        .filter((element) => {
          const labels = "labels" in element ? (element as HTMLInputElement).labels : undefined;
          const text =
            element.getAttribute("aria-label") || element.textContent?.trim() || labels?.[0]?.textContent?.trim();
          return !text;
        })
        .map((element) => element.outerHTML.slice(0, 80)),
    );
    expect(nameless).toEqual([]);
    const reached = new Set<string>();
    for (let i = 0; i < 45; i++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement?.id ?? ""));
    }
    for (const id of ["open", "camera", "sample", "copy", "png", "open-model", "url", "backend", "conf", "imgsz"]) {
      expect(reached, id).toContain(id);
    }
    // A row in focus stresses its box.
    const overlay = () => page.evaluate(() => document.querySelector<HTMLCanvasElement>("#overlay")?.toDataURL());
    const plain = await overlay();
    await page.focus("#list li button");
    expect(await overlay()).not.toBe(plain);
    await context.close();
  });
});
