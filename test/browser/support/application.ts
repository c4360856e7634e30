/** A user's page (`test/browser/consumers`): laid down, and run once a bundler has built it. */

import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { expect } from "vitest";
import { REPOSITORY } from "../../support/reference.js";
import { watchErrors } from "./chromium.js";
import { serveSite } from "./server.js";

/** Copies the page's sources to `app`. @returns the folder to build into. */
export function layApplication(app: string): string {
  const out = join(app, "dist");
  cpSync(join(REPOSITORY, "test/browser/consumers"), app, { recursive: true });
  mkdirSync(out, { recursive: true });
  return out;
}

/** The built page detects in a picture and a JPEG, on its own thread and in a worker, without a file to host beside it. */
export async function expectApplication(browser: Browser, app: string, packageFolder: string): Promise<void> {
  const out = join(app, "dist");
  if (!existsSync(join(out, "index.html"))) cpSync(join(app, "index.html"), join(out, "index.html"));
  const files = readdirSync(out, { recursive: true }).map(String);
  expect(files.filter((file) => /\.wasm$|worker\.js$/.test(file))).toEqual([]);
  cpSync(join(packageFolder, "models/codes.safetensors"), join(out, "codes.safetensors"));
  cpSync(join(REPOSITORY, "examples/codes.png"), join(out, "codes.png"));
  const site = await serveSite([{ at: "/", from: out }]);
  const page = await browser.newPage();
  const errors = watchErrors(page);
  try {
    await page.goto(site.origin);
    const answer = await page.textContent("#answer", { timeout: 60_000 });
    const [local, worker] = (answer ?? "").split("\n");
    expect(local).toMatch(/^wasm: 2 qr_codes, .* \/ \d+$/);
    expect(worker).toBe(local);
    expect(errors).toEqual([]);
    expect(site.missing).toEqual([]);
  } finally {
    await page.close();
    await site.close();
  }
}
