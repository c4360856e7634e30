/**
 * Frames a second of a video on the demo page, beside what its stage times allow:
 *   npm run build:web && node bench/demoVideo.mjs [SIZE …]           needs Chromium and ffmpeg
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { preview } from "vite";

const SAMPLES = 60;
const from = (path) => fileURLToPath(new URL(path, import.meta.url));
const sizes = process.argv.slice(2);

/** The sample picture, moving at 30 frames a second. */
function makeClip(target) {
  const move = "crop=800:600:100+60*sin(2*PI*n/300):20,scale=640:480";
  const filter = `loop=loop=-1:size=1:start=0,setpts=N/30/TB,${move}`;
  const codec = ["-c:v", "vp8", "-deadline", "realtime", "-cpu-used", "4", "-b:v", "4M"];
  const input = ["-loglevel", "error", "-i", from("../examples/codes.png")];
  execFileSync("ffmpeg", [...input, "-vf", filter, "-r", "30", "-frames:v", "300", ...codec, target]);
}

/** Mean stage times and the median rate, as the page shows them. */
async function measure(page) {
  return page.evaluate(async (samples) => {
    const read = (id) => Number.parseFloat(document.getElementById(id).textContent);
    const sums = [0, 0, 0, 0];
    const rates = [];
    for (let i = 0; i < samples; i++) {
      await new Promise((resolve) => setTimeout(resolve, 110));
      ["pre", "net", "post", "draw"].forEach((stage, k) => {
        sums[k] += read(`time-${stage}`);
      });
      rates.push(read("fps"));
    }
    return { stages: sums.map((sum) => sum / samples), fps: rates.sort((a, b) => a - b)[samples >> 1] };
  }, SAMPLES);
}

const folder = mkdtempSync(join(tmpdir(), "yolov5-demo-video-"));
const server = await preview({
  configFile: from("../demo/vite.config.ts"),
  preview: { port: 0 },
  logLevel: "error",
});
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const clip = join(folder, "clip.webm");
  makeClip(clip);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForSelector("#list li");
  for (const size of sizes.length > 0 ? sizes : ["320", "512", "640"]) {
    await page.locator("#imgsz").fill(size);
    await page.waitForSelector("#busy", { state: "hidden" });
    await page.setInputFiles("#file", clip);
    await page.waitForSelector("#fps:has-text('FPS')");
    await page.waitForTimeout(2000);
    const { stages, fps } = await measure(page);
    const [pre, net, post, draw] = stages;
    const allowed = Math.min(30, 1000 / (pre + net + post));
    const times = `prepare ${pre.toFixed(1)}  network ${net.toFixed(1)}  suppress ${post.toFixed(1)}  draw ${draw.toFixed(1)} ms`;
    console.log(`${size}: ${times}  allow ${allowed.toFixed(1)}  reached ${fps.toFixed(1)} frames/s`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true });
}
