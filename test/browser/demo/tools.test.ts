/** What the demo page does beside detection: counting, slices, blur, heat map, recording, links, keys. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lineFlag, zoneFlag } from "../../../src/cli/options/figures.js";
import { pointsOf } from "../../../src/solutions/geometry.js";
import { allOr } from "../../support/full.js";
import { ffmpegMissing, probe } from "../../support/video.js";
import { chromiumMissing, launchChromium } from "../support/chromium.js";
import {
  copied,
  demoSites,
  dragOn,
  idle,
  LONG,
  look,
  openClip,
  openDemo,
  ready,
  slide,
  type Visit,
} from "../support/demo.js";
import { createWorkspace, type Workspace } from "../support/dist.js";
import { buildDemo } from "../support/pages.js";
import { type Site, serveSite } from "../support/server.js";

describe.skipIf(chromiumMissing())("tools of the demo page", LONG, () => {
  let workspace: Workspace;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    workspace = createWorkspace();
    site = await serveSite(demoSites(await buildDemo(workspace)));
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    workspace?.dispose();
  });

  async function visit(hash = "", options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visit> {
    const opened = await openDemo(browser, `${site.origin}/demo-isolated/${hash}`, options);
    await ready(opened.page);
    return opened;
  }

  const counts = (page: Page): Promise<string[]> => page.locator("#count-list .counted").allTextContents();

  const clipboard = (page: Page): Promise<string> => page.evaluate(() => navigator.clipboard.readText());

  test("the sample clip: line crossings are counted, a zone can be drawn, and both are copied as arguments", async () => {
    const { context, page, errors } = await visit();
    expect(await page.isVisible("#count")).toBe(false);
    await slide(page, "conf", 0.5);
    await openClip(page);
    await page.click("#draw-zone");
    await dragOn(page, [0.1, 0.55], [0.4, 0.95]);
    await page.waitForSelector("#count-list li:nth-child(2)");
    await page.fill("#count-list li:nth-child(2) input", "left, below");
    await page.press("#count-list li:nth-child(2) input", "Enter");
    // Two parcels cross to the right between these times, two to the left, and one of these reaches the zone
    // (scripts/clip/belts.js).
    await look(page, 4.2, 8.4);
    const [line, zone] = await counts(page);
    expect(line).toBe("2 in · 2 out");
    expect(zone).toMatch(/^1 inside · 1 entered · 1\.\d s on average$/);
    expect(await page.getAttribute("#chart", "aria-label")).toContain("middle: 2 in · 2 out; left, below: ");
    expect(await page.locator("#chart .series").count()).toBe(2);
    await page.click("#count-copy");
    await page.waitForSelector("#count-copy:has-text('Copied')");
    const [, lineText, zoneText] = /^--line (\S+) --zone '(.+)'$/.exec(await clipboard(page)) ?? [];
    expect(lineFlag(lineText)).toEqual({ numbers: [0.5, 0.96, 0.5, 0.04], name: "middle" });
    const { numbers, name } = zoneFlag(zoneText);
    expect(name).toBe("left, below");
    const corners = pointsOf(numbers, { width: 1, height: 1 });
    [0.1, 0.55, 0.4, 0.55, 0.4, 0.95, 0.1, 0.95].forEach((value, i) => {
      expect(Math.abs(corners[i >> 1][i % 2] - value)).toBeLessThan(0.01);
    });
    await page.click("#count-again");
    expect(await counts(page)).toEqual(["0 in · 0 out", "0 inside · 0 entered"]);
    await page.click("#count-list button[aria-label='Remove middle']");
    expect(await page.locator("#count-list li").count()).toBe(1);
    await page.click("#sample");
    await page.waitForSelector("#count", { state: "hidden" });
    expect(errors).toEqual([]);
    await context.close();
  });

  test("by keyboard alone: keys draw, arrows move corners, and the list of keys is complete", async () => {
    const { context, page, errors } = await visit();
    await page.keyboard.press("l");
    await page.keyboard.press("?");
    await page.waitForSelector("#help[open]");
    expect(await page.locator(".unavailable dd").allTextContents()).toContain("Draw a line");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#help:not([open])", { state: "attached" });
    await openClip(page);
    await page.keyboard.press("z");
    await page.waitForSelector("#count-list li:nth-child(2)");
    // The first corner has the focus.
    for (const key of ["ArrowLeft", "Shift+ArrowUp"]) await page.keyboard.press(key);
    await page.click("#count-copy");
    await page.waitForSelector("#count-copy:has-text('Copied')");
    expect(await clipboard(page)).toMatch(/--zone 0\.29,0\.15,0\.7,0\.2,0\.7,0\.8,0\.3,0\.8,zone1$/);
    await page.focus(".handle");
    await page.keyboard.press("Delete");
    expect(await page.locator(".handle:not(.middle)").count()).toBe(3);
    await page.keyboard.press("Escape");
    expect(await page.locator(".handle").count()).toBe(0);
    await page.keyboard.press("h");
    expect(await page.isChecked("#heat")).toBe(true);
    await page.click("#help-open");
    await page.uncheck("#keys-on");
    await page.click("#help-close");
    await page.keyboard.press("h");
    expect(await page.isChecked("#heat")).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });

  /** Whether the shown pixels differ from the picture's: around a place, and in all. */
  const changed = (page: Page, original: string): Promise<{ inside: number; all: number }> =>
    page.evaluate((selector) => {
      const shown = document.querySelector<HTMLCanvasElement>("#frame");
      const source = document.querySelector<HTMLCanvasElement | HTMLVideoElement>(selector);
      if (!shown || !source || shown.hidden) return { inside: -1, all: -1 };
      const { width, height } = shown;
      const pixels = (drawn: CanvasImageSource): Uint8ClampedArray => {
        const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
        context?.drawImage(drawn, 0, 0, width, height);
        return context?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
      };
      const [a, b] = [pixels(source), pixels(shown)];
      let inside = 0;
      let all = 0;
      for (let i = 0; i < a.length; i += 4) {
        if (Math.abs(a[i] - b[i]) < 24) continue;
        all++;
        const [x, y] = [(i / 4) % width, Math.floor(i / 4 / width)];
        if (x > 110 && x < 305 && y > 385 && y < 590) inside++;
      }
      return { inside: inside / (195 * 205), all: all / (width * height) };
    }, original);

  test("blur hides codes in the picture and in saved files; slices find more, and thresholds still apply", async () => {
    const { context, page, errors } = await visit();
    await page.check("#blur");
    await page.waitForSelector("#frame:not([hidden])");
    // The QR code on the visitor guide; the desk around stays.
    const { inside, all } = await changed(page, "#picture");
    expect(inside).toBeGreaterThan(0.3);
    expect(all).toBeLessThan(0.3);
    await page.selectOption("#blur-style", "fill");
    await page.uncheck("#blur");
    await page.waitForSelector("#frame", { state: "hidden" });
    const before = (await copied(page)).detections.length;
    await page.check("#slices");
    await page.waitForSelector("#slice-windows:has-text('slices and the whole picture')");
    await idle(page);
    await page.waitForSelector("#copy:has-text('Copy JSON')");
    const sliced = (await copied(page)).detections.length;
    expect(sliced).toBeGreaterThanOrEqual(before);
    await slide(page, "conf", 0.8);
    await page.waitForFunction((n) => document.querySelectorAll("#list li").length < n, sliced);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("another theme draws and lists the same objects in other colours", async () => {
    const { context, page, errors } = await visit();
    const seen = () =>
      page.evaluate(() => ({
        swatch: document.querySelector<HTMLElement>("#list .swatch")?.style.background,
        drawing: document.querySelector<HTMLCanvasElement>("#overlay")?.toDataURL(),
        rows: document.querySelectorAll("#list li").length,
      }));
    const classic = await seen();
    await page.selectOption("#theme", "high-contrast");
    await page.waitForFunction(
      (before) => document.querySelector<HTMLElement>("#list .swatch")?.style.background !== before,
      classic.swatch,
    );
    const contrasting = await seen();
    expect(contrasting.rows).toBe(classic.rows);
    expect(contrasting.drawing).not.toBe(classic.drawing);
    await page.click("#reset");
    await page.waitForFunction(
      (before) => document.querySelector<HTMLElement>("#list .swatch")?.style.background === before,
      classic.swatch,
    );
    expect((await seen()).drawing).toBe(classic.drawing);
    expect(errors).toEqual([]);
    await context.close();
  });

  test.skipIf(ffmpegMissing())(
    "blur and heat map follow a clip frame by frame, and the recording shows the same",
    async () => {
      const { context, page, errors } = await visit();
      await openClip(page);
      await page.check("#blur");
      await look(page, 9, 9.4);
      expect((await changed(page, "video")).all).toBeGreaterThan(0.03);
      await page.uncheck("#blur");
      await page.check("#heat");
      await look(page, 9.4, 9.8);
      expect((await changed(page, "video")).all).toBeGreaterThan(0.02);
      await page.uncheck("#heat");
      await page.click("#record");
      await page.click("#pause");
      await page.waitForSelector("#record[aria-pressed='true']:has-text('0:02')");
      const [saved] = await Promise.all([page.waitForEvent("download"), page.click("#record")]);
      expect(saved.suggestedFilename()).toBe("yolov5.webm");
      const file = join(workspace.folder, "recorded.webm");
      await saved.saveAs(file);
      const { frames, ...size } = probe(file);
      expect(size).toMatchObject({ width: 640, height: 360 });
      expect(frames).toBeGreaterThan(1);
      expect(await page.textContent("#record")).toBe("Record");
      expect(errors).toEqual([]);
      await context.close();
    },
  );

  test("a link contains settings, lines and zones, and nothing else", async () => {
    const { context, page } = await visit();
    await page.click("#link");
    await page.waitForSelector("#link:has-text('Copied')");
    expect(new URL(await clipboard(page)).hash).toBe("");
    await slide(page, "conf", 0.4);
    await page.click("#classes summary");
    await page.uncheck("#class-list label:has-text('aruco') input");
    await page.check("#blur");
    await page.selectOption("#blur-style", "fill");
    await page.selectOption("#theme", "dark");
    await openClip(page);
    await page.waitForSelector("#link:has-text('Copy link')");
    await page.click("#link");
    await page.waitForSelector("#link:has-text('Copied')");
    const address = await clipboard(page);
    expect(new URL(address).hash).toBe(
      "#conf=0.4&imgsz=320&classes=0,1,3&clip&blur=fill&theme=dark&line=0.5,0.96,0.5,0.04,middle",
    );
    await context.close();
    const other = await visit(new URL(address).hash);
    await other.page.waitForSelector("#count-list .counted:not(:empty)");
    const values = await other.page.evaluate(() =>
      ["conf", "imgsz", "blur-style", "theme"].map((id) => document.querySelector<HTMLInputElement>(`#${id}`)?.value),
    );
    expect(values).toEqual(["0.4", "320", "fill", "dark"]);
    expect(await other.page.textContent("#classes-state")).toBe("3 of 4");
    expect(await other.page.isChecked("#blur")).toBe(true);
    // What a stranger wrote into it does no harm.
    await other.page.evaluate(() => {
      location.hash = "#conf=nine&backend=abacus&classes=x&line=1,2&zone=0,0,1,1,0,1,<b>z</b>&slice=-4";
    });
    await other.page.waitForFunction(() => document.querySelector<HTMLInputElement>("#conf")?.value === "0.25");
    expect(await other.page.inputValue("#backend")).toBe("auto");
    expect(await other.page.locator("#count-list input").inputValue()).toBe("<b>z</b>");
    expect(other.errors).toEqual([]);
    await other.context.close();
  });

  const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

  const LOOKS = [
    [1280, "light"],
    [375, "dark"],
    [375, "light"],
    [1280, "dark"],
  ] as const;

  test.each(allOr(LOOKS, LOOKS.slice(0, 2)))(
    "%i pixels wide, %s: axe finds no serious problem, and nothing overflows",
    async (width, colorScheme) => {
      const { context, page } = await visit("", { viewport: { width, height: 800 }, colorScheme });
      await page.evaluate(AXE);
      const faults = (): Promise<string[]> =>
        page.evaluate(async () => {
          const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
          const { violations } = await axe.run();
          const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
          return [
            ...serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
            ...(document.documentElement.scrollWidth > innerWidth ? ["overflow"] : []),
          ];
        });
      for (const id of ["slices", "blur"]) await page.check(`#${id}`);
      await idle(page);
      expect(await faults()).toEqual([]);
      await page.uncheck("#blur");
      await openClip(page);
      await page.check("#heat");
      await page.focus("#count-list input");
      expect(await faults()).toEqual([]);
      // Phones have no keys.
      if (width > 480) {
        await page.click("#help-open");
        expect(await faults()).toEqual([]);
      }
      await context.close();
    },
  );
});
