/** `yolov5-ts/solutions`: small, the same for Node and pages, and without the engine. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import * as solutions from "../../src/solutions/index.js";
import { REPOSITORY } from "../support/reference.js";

const file = join(REPOSITORY, "dist", "solutions.js");
const missing = !existsSync(file);
if (missing) console.warn("skipped: dist/solutions.js is missing; run: npm run build");

/** A file and what it imports, gzipped. */
function loaded(path: string, known = new Map<string, number>()): Map<string, number> {
  if (known.has(path)) return known;
  const text = readFileSync(path, "utf8");
  known.set(path, gzipSync(text, { level: 9 }).length);
  for (const [, other] of text.matchAll(/(?:from|import)\s*\(?"(\.[^"]+)"/g)) loaded(join(dirname(path), other), known);
  return known;
}

describe.skipIf(missing)("the built entry", () => {
  test("is at most 12 kB gzipped with its imports, and uses no module of Node", () => {
    const files = loaded(file);
    const total = [...files.values()].reduce((a, b) => a + b, 0);
    console.log(`yolov5-ts/solutions: ${total} bytes gzipped in ${files.size} files`);
    expect(total).toBeLessThanOrEqual(12_000);
    for (const path of files.keys()) expect(readFileSync(path, "utf8")).not.toMatch(/["']node:/);
  });

  test("exports the same names as the sources, and counts", async () => {
    const built = (await import(file)) as typeof solutions;
    expect(Object.keys(built).sort()).toEqual(Object.keys(solutions).sort());
    const line = new built.LineCounter([0, 50], [100, 50]);
    for (let y = 0; y <= 100; y += 10) {
      line.update([{ track: 1, xmin: 40, xmax: 60, ymin: y - 10, ymax: y + 10, class: 0, name: "cat" }]);
    }
    expect(line.counts.in).toEqual({ cat: 1 });
  });
});
