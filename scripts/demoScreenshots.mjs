/** Pictures of the demo page for the README: `npm run build:web && node scripts/demoScreenshots.mjs`; needs Chromium. */

import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { preview } from "vite";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const SHOTS = [
  { name: "demo-desktop", viewport: { width: 1280, height: 900 }, colorScheme: "light", deviceScaleFactor: 1 },
  { name: "demo-phone", viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2 },
];

const server = await preview({
  configFile: fileURLToPath(new URL("../demo/vite.config.ts", import.meta.url)),
  preview: { port: 0 },
  logLevel: "error",
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
try {
  for (const { name, ...options } of SHOTS) {
    const page = await browser.newPage(options);
    await page.goto(server.resolvedUrls.local[0]);
    await page.waitForSelector("#list li");
    await page.waitForSelector("#busy", { state: "hidden" });
    // A second run, so that the times are those of a warm model.
    await page.click("#sample");
    await page.waitForTimeout(2000);
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `docs/images/${name}.jpg`, type: "jpeg", quality: 66 });
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
