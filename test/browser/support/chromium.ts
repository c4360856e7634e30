/** The system's Chromium, headless, with WebGPU on its software adapter (SwiftShader). */

import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const PLACES = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream=device-count=2",
] as const;

/** True (after saying why) where there is no Chromium; with REQUIRE_WEBGPU=1 that is an error instead. */
export function chromiumMissing(): boolean {
  if (PLACES.some((path) => path && existsSync(path))) return false;
  const reason = "no Chromium found; install it (Debian: apt install chromium) or set CHROMIUM_PATH";
  if (process.env.REQUIRE_WEBGPU === "1") throw new Error(`REQUIRE_WEBGPU=1, but ${reason}`);
  console.warn(`skipped: ${reason}`);
  return true;
}

/** @throws Error where there is none. */
export function chromiumPath(): string {
  const path = PLACES.find((place) => place && existsSync(place));
  if (!path) throw new Error("no Chromium");
  return path;
}

export function launchChromium(extra: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), headless: true, args: [...CHROMIUM_FLAGS, ...extra] });
}

/** What went wrong in a page by itself: uncaught errors and errors on the console. */
export function watchErrors(page: Page): readonly string[] {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return errors;
}
