/** Picture files at the command line: their bound, and what is said of those that decode only in part. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { load } from "../../../src/node.js";
import { type DecodeFixtures, readFixture } from "../../image/support.js";
import { cli, EXAMPLE, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const { files } = readFixture<DecodeFixtures>("decode.json");
const cut = Buffer.from(files["truncated baseline 0.6.jpg"].base64, "base64");
const half = join(folder, "half.jpg");
await writeFile(half, cut);
const LOST = "damaged JPEG: its data end early (truncated?); the lower 40 % is missing or coarse";

describe("a picture that decodes in part", () => {
  it("is used, and reported on standard error and in the JSON", async () => {
    const { code, stdout, stderr } = await cli([
      "detect",
      "--source",
      half,
      EXAMPLE,
      "--nosave",
      "--json",
      "-",
      ...TINY,
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain(`warning: ${half}: ${LOST}\n`);
    const [first, second] = JSON.parse(stdout).images;
    expect(first.warnings).toEqual([`${half}: ${LOST}`]);
    expect(first.width).toBe(90);
    expect(second).not.toHaveProperty("warnings");
  });

  it("is reported to the library's onWarning and in the result", async () => {
    const model = await load(undefined, { backend: "cpu" });
    const warnings: string[] = [];
    const result = await model.detect(cut, { imgsz: 64, onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual([`picture: ${LOST}`]);
    expect(result.warnings).toEqual(warnings);
    model.dispose();
  });
});

describe("the limit on pixels", () => {
  it("is an option of the commands detect and val", async () => {
    const refused = await cli(["detect", "--source", EXAMPLE, "--nosave", "--max-pixels", "1000", ...TINY]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/codes\.png: claims 1000×750 pixels, above the limit of 1000 pixels; shrink it/);
    const raised = await cli(["detect", "--source", EXAMPLE, "--nosave", "--max-pixels", "750000", ...TINY]);
    expect(raised.code).toBe(0);
    expect((await cli(["detect", "--max-pixels", "0"])).code).toBe(2);
    const wrong = await cli(["val", "--data", folder, "--max-pixels", "many"]);
    expect(wrong.code).toBe(2);
  });

  it("is an option of load and of detect, and the latter wins", async () => {
    const model = await load(undefined, { backend: "cpu", maxPixels: 1000 });
    await expect(model.detect(EXAMPLE, { imgsz: 64 })).rejects.toThrow(/above the limit of 1000 pixels/);
    const { width } = await model.detect(EXAMPLE, { imgsz: 64, maxPixels: 750_000 });
    expect(width).toBe(1000);
    await expect(model.detect(EXAMPLE, { imgsz: 64, maxPixels: 0 })).rejects.toThrow(
      /maxPixels must be a whole number/,
    );
    model.dispose();
  });
});
