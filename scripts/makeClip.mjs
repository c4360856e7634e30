/**
 * Draws the demo page's sample clip, examples/belts.webm: `node scripts/makeClip.mjs`; needs Chromium and ffmpeg. Six codes go to the
 * right and five to the left, so that what is counted can be checked by eye.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const RATE = 25;
const TARGET = "examples/belts.webm";

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("clip/belts.js", import.meta.url))],
  bundle: true,
  format: "iife",
  globalName: "belts",
  write: false,
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
const input = ["-f", "image2pipe", "-c:v", "png", "-framerate", String(RATE), "-i", "-"];
// VP9: free of patents' fees, and played by every browser that the page runs in.
const codec = [
  "-c:v",
  "libvpx-vp9",
  "-pix_fmt",
  "yuv420p",
  "-crf",
  "44",
  "-b:v",
  "0",
  "-row-mt",
  "1",
  "-cpu-used",
  "1",
];
const ffmpeg = spawn(
  "ffmpeg",
  ["-y", "-loglevel", "error", ...input, ...codec, "-g", "125", "-fflags", "+bitexact", TARGET],
  { stdio: ["pipe", "inherit", "inherit"] },
);
try {
  const page = await browser.newPage();
  await page.addScriptTag({ content: outputFiles[0].text });
  const frames = await page.evaluate(
    ([rate]) => {
      const { belts } = globalThis;
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: belts.WIDTH, height: belts.HEIGHT });
      const context = canvas.getContext("2d");
      globalThis.frame = (i) => {
        belts.drawFrame(context, i / rate);
        return canvas.toDataURL().split(",")[1];
      };
      return belts.SECONDS * rate;
    },
    [RATE],
  );
  for (let i = 0; i < frames; i++) {
    const png = Buffer.from(await page.evaluate((i) => globalThis.frame(i), i), "base64");
    if (!ffmpeg.stdin.write(png)) await once(ffmpeg.stdin, "drain");
  }
  ffmpeg.stdin.end();
  const [code] = await once(ffmpeg, "close");
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
} finally {
  await browser.close();
}
