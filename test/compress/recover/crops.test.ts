/** What recovery gives back to a real checkpoint, on pictures that it has not seen. Minutes, so only with YOLOV5_FULL=1. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cli, scratchFolder } from "../../cli/support.js";
import { FULL } from "../../support/full.js";
import { referencePath } from "../../support/reference.js";

const weights = referencePath("weights", "crops.pt");
const pictures = referencePath("images", "crops_test", "images");

it.runIf(FULL && weights && pictures).each([
  ["at 60 % of the operations", ["--target-flops", "0.6"], 400],
  ["with 70 % of its weights zero", ["--unstructured", "0.7"], 150],
] as const)("crops %s gets more than three points of mAP50-95 back", async (_, pruning, steps) => {
  const folder = await scratchFolder();
  const names = (await readdir(pictures as string)).sort().map((name) => join(pictures as string, name));
  const [seen, measured, json] = ["seen.txt", "measured.txt", "out.json"].map((name) => join(folder, name));
  await writeFile(seen, names.filter((_, i) => i % 2 === 0).join("\n"));
  await writeFile(measured, names.filter((_, i) => i % 2 === 1).join("\n"));
  const { code, stdout } = await cli([
    ...["compress", "--weights", weights as string, "--data", measured, "--calibration-data", seen, "--imgsz", "320"],
    ...[...pruning, "--recover", "--recover-steps", String(steps)],
    ...["--backend", "wasm", "--threads", "1", "--iterations", "1", "--json", json],
  ]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(`Recovered: ${steps} steps .* step ${steps} is kept`)]);
  const { rows } = JSON.parse(await readFile(json, "utf8")) as { rows: { name: string; map50_95: number }[] };
  const [before, recovered] = rows.slice(-2);
  expect(recovered.name).toBe("+ recovered");
  expect(recovered.map50_95).toBeGreaterThan(before.map50_95 + 0.03);
});
