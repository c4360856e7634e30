/** The built demo page under the ways in which hosts serve it, and what its visitors do with it. */

import { basename, join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Detection } from "../../../src/index.js";
import { REPOSITORY } from "../../support/reference.js";
import { watchErrors } from "./chromium.js";
import { ISOLATION, type Mount } from "./server.js";

/** For what a busy machine takes its time for: software devices, many pages at once. */
export const PATIENCE = { timeout: 110_000 } as const;
/** For tests that wait for several such things. */
export const LONG = { timeout: 600_000 } as const;

/** Hosts that send no headers (as most do), that send them, and one that lacks the page's service worker. */
export type Host = "deep/er/demo" | "demo-isolated" | "demo-alone";

/** @param from folder of the built page */
export function demoSites(from: string): Mount[] {
  const refuse: Mount["from"] = (path, response) => {
    if (path !== "service-worker.js") return false;
    response.statusCode = 404;
    response.end("not found");
    return true;
  };
  return [
    { at: "/demo-isolated/", from, headers: ISOLATION },
    { at: "/demo-alone/", from: refuse },
    { at: "/demo-alone/", from },
    { at: "/deep/er/demo/", from },
  ];
}

export interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught errors, and errors on the console. */
  readonly errors: readonly string[];
}

/** Opens the page in a browser profile of its own; where it is loaded once more for its threads, that happens too. */
export async function openDemo(
  browser: Browser,
  address: string,
  options: Parameters<Browser["newContext"]>[0] = {},
  prepare: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<Visit> {
  const context = await browser.newContext({
    permissions: ["clipboard-read", "clipboard-write", "camera"],
    ...options,
  });
  context.setDefaultTimeout(PATIENCE.timeout);
  const page = await context.newPage();
  const errors = watchErrors(page);
  await prepare(page);
  await page.goto(address);
  return { context, page, errors };
}

/** Nothing is being waited for. */
export const idle = (page: Page): Promise<unknown> => page.waitForSelector("#busy", { state: "hidden" });

/** The embedded model's result on the sample is there. */
export async function ready(page: Page): Promise<void> {
  await page.waitForSelector("#list li");
  await idle(page);
}

/** Drops a file of the site on the page, as a drag from the desktop does. */
export async function drop(page: Page, url: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    async ([address, name]) => {
      const data = new DataTransfer();
      data.items.add(new File([await (await fetch(address)).blob()], name, { type: "" }));
      return data;
    },
    [url, basename(url)],
  );
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
}

/** What "Copy JSON" puts on the clipboard. */
export async function copied(page: Page): Promise<{ detections: Detection[]; width: number }> {
  await page.click("#copy");
  await page.waitForSelector("#copy:has-text('Copied')");
  return JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
}

/** Moves a slider as a drag does. */
export async function slide(page: Page, id: string, value: number): Promise<void> {
  await page.locator(`#${id}`).fill(String(value));
}

/** Records every message that the page shows, however shortly; `alerts` reads them. */
export async function watchAlerts(page: Page): Promise<void> {
  await page.evaluate(() => {
    const alert = document.getElementById("alert");
    const seen: string[] = [];
    Object.assign(globalThis, { seenAlerts: seen });
    const look = (): void => {
      if (alert && !alert.hidden) seen.push(document.getElementById("alert-text")?.textContent ?? "");
    };
    if (alert) new MutationObserver(look).observe(alert, { attributes: true, childList: true, subtree: true });
  });
}

export const alerts = (page: Page): Promise<string[]> =>
  page.evaluate(() => (globalThis as unknown as { seenAlerts: string[] }).seenAlerts);

/** A moving picture of codes, 100 frames there and back, so that it can loop. @returns arguments for ffmpeg */
export function movingCodes(target: string): string[] {
  const picture = join(REPOSITORY, "examples", "codes.png");
  // Slow enough to be followed on a machine that sees two frames a second.
  const move = "crop=800:600:100+30*sin(2*PI*n/100):20,scale=640:480";
  const filter = `loop=loop=-1:size=1:start=0,setpts=N/25/TB,${move}`;
  const codec = ["-c:v", "vp8", "-deadline", "realtime", "-cpu-used", "4", "-crf", "10", "-b:v", "4M"];
  return ["-i", picture, "-vf", filter, "-r", "25", "-frames:v", "100", ...codec, target];
}

/** Seconds of the sample clip between the frames that `look` looks at. */
const STEP = 0.2;

/** Opens the clip and stops it, so that no test depends on speed. */
export async function openClip(page: Page): Promise<void> {
  await slide(page, "imgsz", 320);
  await page.click("#clip");
  await page.waitForSelector("#pause:has-text('Pause')");
  await page.click("#pause");
  await page.waitForSelector("#count-list li");
  await page.waitForSelector("#count-list .counted:not(:empty)");
  // Back to the empty belts, wherever it was stopped.
  await look(page, 0, 0);
}

/** Looks at the clip's frames from one time to another, one after the other. */
export async function look(page: Page, from: number, to: number): Promise<void> {
  const times = Array.from({ length: Math.round((to - from) / STEP) + 1 }, (_, i) => from + i * STEP);
  await page.evaluate(async (times) => {
    const video = document.querySelector("video");
    const overlay = document.querySelector("#overlay");
    if (!video || !overlay) throw new Error("no video");
    for (const time of times) {
      const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
      video.currentTime = time;
      await seeked;
      const shown = new Promise<void>((resolve) => {
        new MutationObserver((_, observer) => {
          observer.disconnect();
          resolve();
        }).observe(overlay, { attributes: true, attributeFilter: ["aria-label"] });
      });
      // A moved threshold makes the page look at a paused frame again.
      document.querySelector("#conf")?.dispatchEvent(new Event("input"));
      await shown;
    }
  }, times);
}

/** Drags on the picture, between fractions of it. */
export async function dragOn(page: Page, [x0, y0]: readonly number[], [x1, y1]: readonly number[]): Promise<void> {
  await page.locator("#fit").scrollIntoViewIfNeeded();
  const area = await page.locator("#fit").boundingBox();
  if (!area) throw new Error("nothing on the stage");
  const { x, y, width, height } = area;
  await page.mouse.move(x + x0 * width, y + y0 * height);
  await page.mouse.down();
  await page.mouse.move(x + (x1 * width + x0 * width) / 2, y + y1 * height, { steps: 3 });
  await page.mouse.move(x + x1 * width, y + y1 * height, { steps: 3 });
  await page.mouse.up();
}
