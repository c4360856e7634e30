/** Installs what users build and run with into a temporary folder, once for all files, and the packed package below it. */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { installPacked } from "../../support/packed.js";
import { REPOSITORY } from "../../support/reference.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder whose `node_modules` holds the bundlers and runtimes; empty where they could not be installed. */
    readonly tools: string;
  }
}

/** The projects of users are below the tools, whose packages they find as they find any in a parent folder. */
export function userFolder(tools: string): string {
  return join(tools, "user");
}

/** Registries are busy at times: three tries. */
function installTools(folder: string): boolean {
  for (const name of ["package.json", "package-lock.json"]) {
    cpSync(join(REPOSITORY, "test/consumers", name), join(folder, name));
  }
  const command = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  for (let attempt = 0; attempt < 3; attempt++) {
    const { status } = spawnSync("npm", command, {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      timeout: 500_000,
    });
    if (status === 0) return true;
  }
  return false;
}

/** `CONSUMERS_FOLDER` keeps the tools from one run to the next. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const kept = process.env.CONSUMERS_FOLDER;
  const tools = kept ?? mkdtempSync(join(tmpdir(), "yolov5-consumers-"));
  const user = userFolder(tools);
  // Not at once: vitest is still talking to its workers.
  const dispose = (): Promise<void> => rm(kept ? user : tools, { recursive: true, force: true });
  if (!existsSync(join(tools, "node_modules/next")) && !installTools(tools)) {
    await dispose();
    const reason = "the packages of test/consumers/package.json could not be installed; is the npm registry reachable?";
    if (process.env.CI) throw new Error(reason);
    console.warn(`skipped: ${reason}`);
    provide("tools", "");
    return async () => undefined;
  }
  await rm(user, { recursive: true, force: true });
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  installPacked(user);
  provide("tools", tools);
  return dispose;
}
