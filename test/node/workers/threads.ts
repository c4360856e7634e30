/** The built package, whose models compute in worker threads, for tests beside the same models on this thread. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Node from "../../../src/node.js";
import { REPOSITORY } from "../../support/reference.js";

const ENTRY = join(REPOSITORY, "dist", "node.js");
export const built = existsSync(ENTRY);
if (!built) console.warn("skipped: no dist/node.js; run npm run build first");

export const importBuilt = async (): Promise<typeof Node> => import(pathToFileURL(ENTRY).href);

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/pytorch/${name}`, import.meta.url));
export const SMALL = fixture("picture.png");
export const DETECTS = fixture("v6.pt");
export const SEGMENTS = fixture("seg.pt");
export const CLASSIFIES = fixture("cls.pt");
export const LAYERS = fixture("v6.layers.safetensors");

/** Everything of a result but its times. */
export function timeless(result: Node.Result): unknown {
  const { speed: _, ...rest } = result.toJSON();
  return JSON.parse(JSON.stringify(rest));
}
