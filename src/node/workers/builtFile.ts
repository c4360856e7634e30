/** Files that the build puts into `dist` for threads to run. */

import { existsSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../packageRoot.js";

/**
 * The path of a built file; undefined if this code runs from source or inside a bundle, which then works without
 * threads of its own.
 */
export function builtFile(name: string): string | undefined {
  try {
    if (!fileURLToPath(import.meta.url).includes(`${sep}dist${sep}`)) return undefined;
    const file = join(packageRoot(), "dist", name);
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
