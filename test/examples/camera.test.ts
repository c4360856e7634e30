/** The camera page, as `npx vite examples/camera` serves it, in front of a camera that shows the codes. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { build, createServer, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeJpeg } from "../../src/image/encode.js";
import { decodeImage } from "../../src/image/index.js";
import { chromiumMissing, launchChromium, watchErrors } from "../browser/support/chromium.js";
import { REPOSITORY } from "../support/reference.js";

const root = join(REPOSITORY, "examples/camera");

describe.skipIf(chromiumMissing())("the camera page", () => {
  let folder: string;
  let server: ViteDevServer;
  let browser: Browser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "yolov5-camera-"));
    const video = join(folder, "codes.mjpeg");
    writeFileSync(video, encodeJpeg(await decodeImage(readFileSync(join(REPOSITORY, "examples/codes.png")))));
    browser = await launchChromium([`--use-file-for-fake-video-capture=${video}`]);
    server = await createServer({
      root,
      configFile: join(root, "vite.config.ts"),
      cacheDir: join(folder, "vite"),
      logLevel: "error",
      server: { port: 0 },
    });
    await server.listen();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("draws what it finds until it is stopped, and can be restarted", async () => {
    const page = await browser.newPage();
    const errors = watchErrors(page);
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    await page.click("button:text('Start the camera'):enabled");
    await page.waitForSelector("[role=status]:has-text(' ms on ')");
    expect(await page.textContent("[role=status]")).toMatch(/^2 qr_code, .* · \d+ ms on \w+$/);
    const drawn = await page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      const { width = 0, height = 0 } = canvas ?? {};
      const pixels = canvas?.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
      return pixels.some((value, i) => i % 4 === 3 && value > 0);
    });
    expect(drawn).toBe(true);
    await page.click("button:text('Stop the camera')");
    await page.click("button:text('Start the camera')");
    await page.waitForSelector("button:text('Stop the camera')");
    expect(errors).toEqual([]);
    await page.close();
  });

  test("says why there is no picture if the camera is refused", async () => {
    const page = await browser.newPage();
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("Permission denied"));
    });
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    await page.click("button:enabled");
    await page.waitForSelector("[role=status]:text('Permission denied')");
    await page.close();
  });

  test("builds", async () => {
    const outDir = join(folder, "out");
    await build({ root, configFile: join(root, "vite.config.ts"), logLevel: "error", build: { outDir } });
    expect(readFileSync(join(outDir, "index.html"), "utf8")).toMatch(/<script type="module"/);
  });
});
