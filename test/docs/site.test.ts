/** The documentation site, built for a sub-path: every link, and what a reader sees in Chromium without a network. */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { brokenLinks } from "../../scripts/docs/brokenLinks.mjs";
import { chromiumMissing, launchChromium, watchErrors } from "../browser/support/chromium.js";
import { type Site, serveSite } from "../browser/support/server.js";
import { REPOSITORY } from "../support/reference.js";

const BASE = "/some/where/";
let folder: string;
let built: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "yolov5-docs-"));
  built = join(folder, "site");
  const program = join("scripts", "docs", "build.mjs");
  await promisify(execFile)(process.execPath, [program, "--base", BASE, "--out", built], { cwd: REPOSITORY });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("no link of the site is broken", () => {
  expect(brokenLinks(built, BASE)).toEqual([]);
});

test("broken links are found", () => {
  const site = join(folder, "broken");
  mkdirSync(join(site, "a"), { recursive: true });
  const bad = ["none.html", "#none", "/index.html", "a/", "a/page.html#none", "/some/where/none.png"];
  const good = ["a/page.html#here", "/some/where/", "https://example.org/", "#top"];
  const links = [...bad, ...good].map((url) => `<a class="x" href="${url}">x</a>`).join("\n");
  writeFileSync(join(site, "index.html"), `<p id="top">${links}<script src="https://example.org/x.js"></script></p>`);
  writeFileSync(join(site, "a/page.html"), '<h2 id="here"></h2>');
  expect(brokenLinks(site, BASE)).toEqual([...bad, "https://example.org/x.js"].map((url) => `index.html: ${url}`));
});

describe.skipIf(chromiumMissing())("in Chromium", () => {
  let browser: Browser;
  let site: Site;

  beforeAll(async () => {
    site = await serveSite([{ at: BASE, from: built }]);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Opens a page, lets `look` see it, and expects that nothing failed and nothing came from elsewhere. */
  async function visit(
    path: string,
    options: BrowserContextOptions,
    look: (page: Page) => Promise<void>,
  ): Promise<void> {
    const page = await browser.newPage(options);
    const errors = watchErrors(page);
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(site.origin) && !request.url().startsWith("data:")) elsewhere.push(request.url());
    });
    await page.goto(site.origin + BASE + path, { waitUntil: "networkidle" });
    await look(page);
    expect({ errors, elsewhere, missing: site.missing }).toEqual({ errors: [], elsewhere: [], missing: [] });
    await page.close();
  }

  const DESKTOP = { viewport: { width: 1280, height: 900 } };
  const PHONE = { viewport: { width: 390, height: 844 } };

  test("the home page links to the guide, the matrix and the API", async () => {
    await visit("", DESKTOP, async (page) => {
      for (const name of ["Get started", "What it runs", "API"]) {
        await page.goto(site.origin + BASE);
        await page.click(`.VPHero a:text-is("${name}")`);
        await page.waitForSelector(".vp-doc h1");
      }
    });
  });

  test("the sidebar lists every page", async () => {
    await visit("getting-started.html", DESKTOP, async (page) => {
      const texts = await page.locator(".VPSidebar a").allTextContents();
      expect(texts).toEqual(expect.arrayContaining(["Getting started", "Examples", "Architecture", "Hostile files"]));
    });
  });

  test("the API reference has the functions and types that users call, with their comments", async () => {
    await visit("api/yolov5-ts/functions/load.html", DESKTOP, async (page) => {
      expect(await page.textContent(".vp-doc")).toContain("Loads a model, or several as an ensemble");
    });
  });

  test("the search works without a server", async () => {
    await visit("getting-started.html", DESKTOP, async (page) => {
      await page.click(".VPNavBarSearch button");
      await page.fill(".VPLocalSearchBox input", "ByteTrack");
      await page.waitForSelector('.VPLocalSearchBox a[href*="video.html"]');
    });
  });

  test.each([
    "",
    "getting-started.html",
    "val.html",
    "support.html",
    "zh/index.html",
    "api/yolov5-ts/classes/Model.html",
  ])("on a phone %s is no wider than the screen", async (path) => {
    await visit(path, { ...PHONE, colorScheme: "dark" }, async (page) => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width).toBeLessThanOrEqual(PHONE.viewport.width);
      expect(await page.getAttribute("html", "class")).toContain("dark");
    });
  });
});
