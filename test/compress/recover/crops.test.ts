/** What recovery gives back to a real checkpoint, on pictures that it has not seen. Minutes, so only with YOLOV5_FULL=1. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cli, scratchFolder } from "../../cli/support.js";
import { FULL } from "../../support/full.js";
import { referencePath } from "../../support/reference.js";

const weights = referencePath("weights", "crops.pt");
const pictures = referencePath("images", "crops_test", "images");

it.runIf(FULL && weights && pictures)(
  "crops at 60 % of the operations gets more than three points of mAP50-95 back",
  async () => {
    const folder = await scratchFolder();
    const names = (await readdir(pictures as string)).sort().map((name) => join(pictures as string, name));
    const [seen, measured, json] = ["seen.txt", "measured.txt", "out.json"].map((name) => join(folder, name));
    await writeFile(seen, names.filter((_, i) => i % 2 === 0).join("\n"));
    await writeFile(measured, names.filter((_, i) => i % 2 === 1).join("\n"));
    const { code, stdout } = await cli([
      ...["compress", "--weights", weights as string, "--data", measured, "--calibration-data", seen, "--imgsz", "320"],
      ...["--target-flops", "0.6", "--recover", "--recover-steps", "400"],
      ...["--backend", "wasm", "--threads", "1", "--iterations", "1", "--json", json],
    ]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/Recovered: 400 steps .* step 400 is kept/)]);
    const { rows } = JSON.parse(await readFile(json, "utf8")) as { rows: { name: string; map50_95: number }[] };
    const [reestimated, recovered] = rows.slice(2).map((row) => row.map50_95);
    expect(rows[3].name).toBe("+ recovered");
    expect(recovered).toBeGreaterThan(reestimated + 0.03);
  },
);
