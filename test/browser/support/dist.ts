/** The built browser entry, copied to a folder of its own so that a build meanwhile disturbs no test. */

import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../support/reference.js";

export interface Workspace {
  readonly folder: string;
  /** The package as npm would install it, without its Node side: `folder/node_modules/yolov5-ts`. */
  readonly packageFolder: string;
  dispose(): void;
}

/** @throws Error where the package is not built. */
export function createWorkspace(): Workspace {
  const dist = join(REPOSITORY, "dist");
  if (!existsSync(join(dist, "index.js"))) throw new Error("dist/index.js is missing; run: npm run build");
  const folder = mkdtempSync(join(tmpdir(), "yolov5-browser-"));
  const packageFolder = join(folder, "node_modules", "yolov5-ts");
  mkdirSync(join(packageFolder, "dist"), { recursive: true });
  for (const part of [
    "page.js",
    "browser.js",
    "index.js",
    "service-worker.js",
    "solutions.js",
    "worker.js",
    "browser",
  ]) {
    cpSync(join(dist, part), join(packageFolder, "dist", part), { recursive: true });
  }
  cpSync(join(REPOSITORY, "package.json"), join(packageFolder, "package.json"));
  cpSync(join(REPOSITORY, "models"), join(packageFolder, "models"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  return { folder, packageFolder, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}
