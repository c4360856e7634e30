/** The sites that the browser tests open: a page without a bundler under several policies, and the built demo. */

import { join } from "node:path";
import type { Page } from "playwright-core";
import { build } from "vite";
import { REFERENCE, REPOSITORY } from "../../support/reference.js";
import type { Workspace } from "./dist.js";
import { ISOLATION, type Mount } from "./server.js";

/** Folder of a site → the headers that its files come with. */
export const POLICIES = {
  "/plain/": {},
  "/isolated/": ISOLATION,
  /** For frames without an origin of their own. */
  "/open/": { "Access-Control-Allow-Origin": "*" },
  "/strict/": { "Content-Security-Policy": "default-src 'self'; script-src 'self'" },
  "/wasm/": { "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:" },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type Policy = keyof typeof POLICIES;

/** The plain page and what it needs, once for every policy. */
export function plainSites(workspace: Workspace): Mount[] {
  return Object.entries(POLICIES).flatMap(([at, headers]) => [
    { at: `${at}dist/`, from: join(workspace.packageFolder, "dist"), headers },
    { at: `${at}models/`, from: join(REPOSITORY, "models"), headers },
    { at: `${at}examples/`, from: join(REPOSITORY, "examples"), headers },
    { at: `${at}fixtures/`, from: join(REPOSITORY, "test/fixtures"), headers },
    { at: `${at}reference/`, from: REFERENCE, headers },
    { at, from: join(REPOSITORY, "test/browser/pages"), headers },
  ]);
}

/** Builds the demo as `npm run build:web` does, into the workspace. */
export async function buildDemo(workspace: Workspace): Promise<string> {
  const outDir = join(workspace.folder, "demo");
  await build({
    configFile: join(REPOSITORY, "demo/vite.config.ts"),
    logLevel: "error",
    build: { outDir, emptyOutDir: true },
  });
  return outDir;
}

/** What `page.evaluate` sees of the engine. */
export interface EngineWindow {
  readonly engine: typeof import("../../../src/index.js");
}

/** Opens the plain page under a policy and waits for its module. */
export async function openPlain(page: Page, origin: string, policy: Policy): Promise<void> {
  await page.goto(origin + policy);
  await page.waitForSelector("body[data-ready]");
}
