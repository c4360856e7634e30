/** The demo page's controls: after a reload, for other tasks, on a phone. */

import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { chromiumMissing, launchChromium } from "../support/chromium.js";
import {
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

  test("a reload starts with the page's defaults, not with the last state of the controls", async () => {
    const { context, page } = await visit();
    await page.selectOption("#backend", "gpujs");
    await badge(page, "WebGL2");
    await found(page);
    await slide(page, "max-det", 1);
    await page.reload();
    await ready(page);
    expect([await backend(page), await page.inputValue("#max-det")]).toEqual(["auto", "1000"]);
    await badge(page, "WebAssembly");
    await found(page);
    await context.close();
  });

  test("controls that do not apply are hidden", async () => {
    const { context, page } = await visit();
    const shown = async (): Promise<string[]> => {
      const ids = [
        "conf-row",
        "iou-row",
        "max-det-row",
        "agnostic-row",
        "track-row",
        "classes",
        "suppress",
        "embedded",
      ];
      const visible = await Promise.all(ids.map((id) => page.isVisible(`#${id}`)));
      return ids.filter((_, i) => visible[i]);
    };
    expect(await shown()).toEqual(["conf-row", "iou-row", "max-det-row", "agnostic-row", "classes", "suppress"]);
    await drop(page, "/plain/fixtures/pytorch/cls.pt");
    await page.waitForSelector("#model-name:text-is('cls.pt')");
    await page.waitForSelector("#list li");
    await idle(page);
    expect(await shown()).toEqual(["embedded"]);
    await page.click("#embedded");
    await found(page);
    expect(await shown()).not.toContain("embedded");
    await context.close();
  });

  test("on a phone the model comes before the settings, and long words do not make the page scroll sideways", async () => {
    const { context, page } = await visit({ viewport: { width: 360, height: 740 }, isMobile: true });
    const top = (name: string): Promise<number> =>
      page.evaluate((kind) => document.querySelector(`.${kind}`)?.getBoundingClientRect().top ?? Number.NaN, name);
    expect(await top("model")).toBeLessThan(await top("settings"));
    await page.fill("#url", `${site.origin}/${"a".repeat(300)}.pt`);
    await page.press("#url", "Enter");
    await page.waitForSelector("#alert:has-text('answered 404')");
    await openHeld(page, `${"b".repeat(200)}.pt`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await page.click("#cancel");
    await context.close();
  });
});
