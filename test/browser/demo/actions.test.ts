/** The demo page while more than one thing happens: older actions do not disturb newer ones. */

import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { chromiumMissing, launchChromium } from "../support/chromium.js";
import {
  alerts,
  demoSites,
  drop,
  idle,
  LONG,
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

  const backend = (page: Page): Promise<string> => page.inputValue("#backend");
  const badge = (page: Page, text: string): Promise<unknown> => page.waitForSelector(`#badge-text:has-text("${text}")`);
  const found = (page: Page): Promise<unknown> => page.waitForSelector("#summary:has-text('2 qr_codes')");

  const answering = (name: string): Promise<void> => expect.poll(() => held.has(name), PATIENCE).toBe(true);

  async function openHeld(page: Page, name: string): Promise<void> {
    await page.fill("#url", `${site.origin}/held/${name}`);
    await page.press("#url", "Enter");
    await answering(name);
    await page.waitForSelector("#cancel");
  }

  test("switching the backend during a computation: no error, and list, badge and result agree", async () => {
    const { context, page, errors } = await visit();
    expect(await page.textContent("#backend option:checked")).toBe("auto (WebAssembly)");
    // The reference takes its time.
    await page.selectOption("#backend", "cpu");
    await page.waitForSelector("#busy-text:has-text('Looking')");
    await badge(page, "Reference");
    expect(await page.textContent("#backend option[value='auto']")).toBe("auto");
    await page.selectOption("#backend", "wasm");
    await badge(page, "WebAssembly");
    await found(page);
    await idle(page);
    // Quickly one after the other, and while a measurement runs: the last one stands.
    await page.click("#layers summary");
    await page.click("#profile");
    for (const choice of ["cpu", "gpujs", "webgpu", "auto"]) await page.selectOption("#backend", choice);
    await badge(page, "WebAssembly");
    await found(page);
    await idle(page);
    expect([await backend(page), await page.textContent("#backend option:checked")]).toEqual([
      "auto",
      "auto (WebAssembly)",
    ]);
    expect(await alerts(page)).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("thresholds that change while the network runs apply to its result", async () => {
    const { context, page } = await visit();
    await slide(page, "imgsz", 320);
    await page.selectOption("#backend", "cpu");
    await page.waitForSelector("#busy-text:has-text('Looking')");
    await slide(page, "max-det", 1);
    await badge(page, "Reference");
    await idle(page);
    await page.waitForFunction(() => document.querySelectorAll("#list li").length === 1);
    expect(await alerts(page)).toEqual([]);
    await context.close();
  });

  test("a download shows its progress, and Cancel keeps the previous state", async () => {
    const { context, page, errors } = await visit();
    await openHeld(page, "cancelled.safetensors");
    await page.waitForSelector("#busy-bytes:has-text('0.5 of 0.9 MB')");
    await badge(page, "starting");
    await page.click("#cancel");
    await idle(page);
    await badge(page, "WebAssembly");
    expect(await page.textContent("#model-name")).toBe("codes (embedded)");
    // The page is as it was: the next change runs the same model.
    await page.selectOption("#backend", "wasm");
    await found(page);
    expect(await alerts(page)).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("a model dropped while another loads wins, and runs on the backend chosen meanwhile", async () => {
    const { context, page } = await visit();
    await openHeld(page, "slow.safetensors");
    await drop(page, "/plain/models/codes.safetensors");
    await page.waitForSelector("#model-name:text-is('codes.safetensors')");
    held.get("slow.safetensors")?.destroy();
    await idle(page);
    // A change of the backend while a model loads opens that model, not the one before.
    await openHeld(page, "next.safetensors");
    held.delete("next.safetensors");
    await page.selectOption("#backend", "wasm");
    await answering("next.safetensors");
    held.get("next.safetensors")?.end(MODEL.subarray(MODEL.length / 2));
    await page.waitForSelector("#model-name:text-is('next.safetensors')");
    await badge(page, "WebAssembly");
    expect(await backend(page)).toBe("wasm");
    expect(await alerts(page)).toEqual([]);
    // One that fails leaves model, list and badge as they were, and says so.
    await openHeld(page, "cut.safetensors");
    held.delete("cut.safetensors");
    await page.selectOption("#backend", "cpu");
    await answering("cut.safetensors");
    held.get("cut.safetensors")?.destroy();
    await page.waitForSelector("#alert:has-text('cut.safetensors: the connection ended')");
    await badge(page, "WebAssembly");
    expect([await backend(page), await page.textContent("#model-name")]).toEqual(["wasm", "next.safetensors"]);
    await context.close();
  });

  test("a picture dropped while another one or the camera is pending stays", async () => {
    const { context, page, errors } = await visit({}, (waiting) =>
      waiting.addInitScript(() => {
        const state = { release: () => {}, tracks: [] as MediaStreamTrack[] };
        Object.assign(globalThis, { state });
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          await new Promise<void>((resolve) => {
            state.release = resolve;
          });
          const stream = await ask(wanted);
          state.tracks.push(...stream.getTracks());
          return stream;
        };
        const decode = createImageBitmap;
        globalThis.createImageBitmap = (async (source: ImageBitmapSource) => {
          // The broken file's decoder takes longer than the good one's.
          if (source instanceof File && source.name === "broken.png") await new Promise((r) => setTimeout(r, 1500));
          return decode(source);
        }) as typeof createImageBitmap;
      }),
    );
    await page.click("#camera");
    await page.waitForSelector("#busy-text:has-text('Waiting for the camera')");
    await drop(page, "/plain/fixtures/pytorch/picture.png");
    const width = (): Promise<number | undefined> =>
      page.evaluate(() => document.querySelector<HTMLCanvasElement>("#picture")?.width);
    await expect.poll(width, PATIENCE).not.toBe(1000);
    const dropped = await width();
    type State = { release: () => void; tracks: MediaStreamTrack[] };
    await page.evaluate(() => (globalThis as unknown as { state: State }).state.release());
    // The camera that nobody waits for any more is closed again.
    const tracks = () =>
      page.evaluate(() => (globalThis as unknown as { state: State }).state.tracks.map(({ readyState }) => readyState));
    await expect.poll(tracks, PATIENCE).toEqual(["ended"]);
    expect(await page.isVisible("#picture")).toBe(true);
    await idle(page);
    await page.setInputFiles("#file", { name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await page.click("#sample");
    await found(page);
    await page.waitForTimeout(2000);
    expect(await width()).toBe(1000);
    expect(dropped).not.toBe(1000);
    expect(await alerts(page)).toEqual([]);
    expect(errors).toEqual([]);
    await context.close();
  });
});
