/**
 * Pictures of the demo page for README and docs: `npm run build:web && node scripts/demoScreenshots.mjs [name …]`; needs Chromium.
 * `--png FOLDER` writes PNGs there instead, to be looked at.
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { preview } from "vite";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const DESKTOP = { viewport: { width: 1280, height: 900 }, colorScheme: "light", deviceScaleFactor: 1 };
const PHONE = { viewport: { width: 375, height: 812 }, colorScheme: "dark", deviceScaleFactor: 2 };

/** Waits until no run is under way. */
const idle = (page) => page.waitForSelector("#busy", { state: "hidden" });

/** Looks at the frames of the clip from one time to another, so that every machine shows the same. */
async function look(page, from, to) {
  await page.waitForSelector("#count-list .counted:not(:empty)");
  await page.click("#pause");
  for (let time = from; time <= to; time += 0.12) {
    await page.evaluate(async (at) => {
      const video = document.querySelector("video");
      const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
      video.currentTime = at;
      await seeked;
      const shown = new Promise((resolve) => {
        new MutationObserver((_, observer) => resolve(observer.disconnect())).observe(
          document.querySelector("#overlay"),
          { attributes: true, attributeFilter: ["aria-label"] },
        );
      });
      document.querySelector("#conf").dispatchEvent(new Event("input"));
      await shown;
    }, time);
  }
}

/** A second run, so that the times are those of a warm model. */
async function again(page) {
  await page.click("#sample");
  await page.waitForSelector("#busy");
  await idle(page);
  await page.waitForSelector("#list li");
}

const clip = async (page) => {
  await page.click("#clip");
  await look(page, 3, 11);
};

/** What is done before a picture is taken; `hash` is a link's (settings/link.ts). */
const SHOTS = {
  "demo-desktop": { ...DESKTOP, act: again },
  "demo-phone": { ...PHONE, viewport: { width: 390, height: 844 }, act: again },
  "demo-count": {
    ...DESKTOP,
    viewport: { width: 1280, height: 1050 },
    hash: "#line=0.5,0.96,0.5,0.04,middle&zone=0.7,0.55,0.96,0.55,0.96,0.95,0.7,0.95,scale",
    act: async (page) => {
      await clip(page);
      await page.focus("#count-list li:nth-child(2) input");
    },
  },
  "demo-count-phone": { ...PHONE, act: clip },
  "demo-blur": {
    ...DESKTOP,
    hash: "#blur=mosaic",
    part: "main",
    act: (page) => page.waitForSelector("#frame:not([hidden])"),
  },
  "demo-heat": { ...DESKTOP, hash: "#heat", part: ".stage-card", act: clip },
  "demo-slices": {
    ...DESKTOP,
    hash: "#conf=0.5&slice=480",
    part: "main",
    act: (page) => page.waitForSelector("#slice-windows:not(:empty)"),
  },
  "demo-keys": {
    ...DESKTOP,
    colorScheme: "dark",
    act: async (page) => {
      await page.click("#clip");
      await page.waitForSelector("#count-list .counted:not(:empty)");
      await page.click("#help-open");
    },
  },
};

const { values, positionals } = parseArgs({ options: { png: { type: "string" } }, allowPositionals: true });
const server = await preview({
  configFile: fileURLToPath(new URL("../demo/vite.config.ts", import.meta.url)),
  preview: { port: 0 },
  logLevel: "error",
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
  for (const [name, { hash = "", act, part, ...options }] of Object.entries(SHOTS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const page = await browser.newPage(options);
    await page.goto(server.resolvedUrls.local[0] + hash);
    await page.waitForSelector("#list li");
    await idle(page);
    await act(page);
    await idle(page);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(300);
    const shot = part ? page.locator(part).first() : page;
    const how = values.png
      ? { path: `${values.png}/${name}.png`, type: "png" }
      : { path: `docs/images/${name}.jpg`, type: "jpeg", quality: 66 };
    await shot.screenshot(how);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
