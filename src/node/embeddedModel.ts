/**
 * Locates the embedded model's file: in the package, or near a bundle that contains the package's code but not the
 * file.
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EMBEDDED_MODEL } from "../api/names.js";
import { CheckpointError } from "../errors.js";

const FILE = `${EMBEDDED_MODEL}.safetensors`;

/**
 * Path of the embedded model's file.
 * @throws CheckpointError in a bundle without the file; the message says what to copy where.
 */
export function embeddedModelPath(): string {
  const found = places().find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CheckpointError(
    `${EMBEDDED_MODEL}: the embedded model's file is not with this bundle; copy node_modules/yolov5-ts/models/${FILE} next to the bundle, or give load() the path of a checkpoint`,
    { path: FILE },
  );
}

/**
 * Undefined if a bundler dropped it: CommonJS has no `import.meta.url`, ES modules have no `__filename`, whatever
 * `typeof` says.
 */
function known(path: () => string): string | undefined {
  try {
    return path();
  } catch {
    return undefined;
  }
}

function places(): string[] {
  // webpack recognises exactly this expression: it copies the file next to the bundle and inserts its new path here.
  const packaged = known(() => fileURLToPath(new URL("../../models/codes.safetensors", import.meta.url)));
  const bundle = known(() => fileURLToPath(import.meta.url)) ?? known(() => __filename);
  const program = process.argv[1];
  const beside = [bundle, program, process.execPath].flatMap((path) => (path ? [dirname(path)] : []));
  return [
    ...(packaged === undefined ? [] : [packaged]),
    ...beside.flatMap((folder) => [join(folder, FILE), join(folder, "models", FILE)]),
    ...[...beside, process.cwd()]
      .flatMap(withParents)
      .map((folder) => join(folder, "node_modules/yolov5-ts/models", FILE)),
  ];
}

/** `/a/b`, `/a`, `/`: the folders in which Node looks for packages, too. */
function withParents(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...withParents(parent)];
}
