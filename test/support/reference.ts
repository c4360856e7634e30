/** Where the reference material is (checkpoints, pictures, PyTorch's answers), and why a test skips without it. */

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Root of the reference material: `$YOLOV5_REFERENCE` or `../shared`. */
export const REFERENCE = process.env.YOLOV5_REFERENCE ?? join(REPOSITORY, "..", "shared");

/** A file or folder of the reference material, or undefined (with the reason printed once a path) where it is absent. */
export function referencePath(...parts: readonly string[]): string | undefined {
  const path = join(REFERENCE, ...parts);
  if (existsSync(path)) return path;
  console.warn(`skipped: no ${join(...parts)} in the reference material (../shared or $YOLOV5_REFERENCE)`);
  return undefined;
}

/** For `describe.skipIf`: true where the reference material is absent, after saying so. */
export function referenceMissing(...parts: readonly string[]): boolean {
  return referencePath(...parts) === undefined;
}
