/** Where the embedded model's file is: in the package, and around bundles that took the package's code without it. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EMBEDDED_MODEL } from "../api/names.js";
import { CheckpointError } from "../errors.js";

const FILE = `${EMBEDDED_MODEL}.safetensors`;

/**
 * The embedded model's file.
 * @throws CheckpointError from a bundle that has it nowhere near: what to copy where.
 */
export function embeddedModelPath(): string {
  const found = places().find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new CheckpointError(
    `${EMBEDDED_MODEL}: the embedded model's file is not with this bundle; copy node_modules/yolov5-ts/models/${FILE} beside the bundle, or give load() the path of a checkpoint`,
    { path: FILE },
  );
}

/** Undefined where bundlers lost it: CommonJS has no `import.meta.url`, ES modules no `__filename`, whatever `typeof` says. */
function known(path: () => string): string | undefined {
  try {
    return path();
  } catch {
    return undefined;
  }
}

function places(): string[] {
  // As it stands, webpack takes it for what it is: it copies the file beside the bundle and puts its new place here.
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

/** `/a/b`, `/a`, `/`: where Node looks for packages, too. */
function withParents(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...withParents(parent)];
}
