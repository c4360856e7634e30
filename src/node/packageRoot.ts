/** Locates this package's own files (the embedded model), both from the sources and from the built `dist`. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { invariant } from "../errors.js";

/** The nearest folder above this file that contains both `package.json` and `models`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(join(folder, "package.json")) && existsSync(join(folder, "models")))) {
    const parent = dirname(folder);
    invariant(parent !== folder, "the package's own folder was not found");
    folder = parent;
  }
  return folder;
}
