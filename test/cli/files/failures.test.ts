/** Results that cannot be written. */

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage, encodeJpeg } from "../../../src/image/index.js";
import { cli, EXAMPLE, FAST, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const picture = await decodeImage(await readFile(EXAMPLE), { path: EXAMPLE });
const jpeg = encodeJpeg(picture);

function pictures(name: string, files: readonly string[]): string {
  mkdirSync(path(name), { recursive: true });
  for (const file of files) {
    if (file.endsWith(".png")) copyFileSync(EXAMPLE, path(name, file));
    else writeFileSync(path(name, file), jpeg);
  }
  return path(name);
}

interface Entry {
  readonly source: string;
  readonly error?: string;
  readonly detections?: readonly unknown[];
}

async function entriesOf(json: string): Promise<Entry[]> {
  return (JSON.parse(await readFile(json, "utf8")) as { images: Entry[] }).images;
}

describe("a result that cannot be written", () => {
  test("becomes an entry with its boxes and the reason, and the others are written", async () => {
    const source = pictures("blocked", ["a.jpg", "b.jpg", "c.jpg"]);
    // A folder of the name that the picture would have.
    await mkdir(path("ob", "exp", "b.jpg"), { recursive: true });
    const json = path("blocked.json");
    const ndjson = path("blocked.ndjson");
    const { code, stderr, stdout } = await cli([
      ...["detect", "--source", source, ...FAST, "--exist-ok", "--project", path("ob"), "--save-txt"],
      ...["--json", json, "--ndjson", ndjson],
    ]);
    expect(code).toBe(1);
    const reason = `${path("ob", "exp", "b.jpg")}: cannot be written: is a folder; give the name of a file`;
    expect(stderr).toBe(`error: ${reason}\n`);
    expect(stdout).toContain("1 of 3 sources failed");
    const entries = await entriesOf(json);
    expect(entries.map(({ error }) => error)).toEqual([undefined, reason, undefined]);
    expect(entries[1].detections?.length).toBe(entries[0].detections?.length);
    const lines = (await readFile(ndjson, "utf8")).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as Entry).error)).toEqual([undefined, reason, undefined]);
    expect((await readdir(path("ob", "exp"))).sort()).toEqual(["a.jpg", "b.jpg", "c.jpg", "labels"]);
    expect(await readdir(path("ob", "exp", "labels"))).toHaveLength(3);
  });

  test("crops of one class: the picture gets an error but is still annotated", async () => {
    const source = pictures("oneclass", ["a.jpg"]);
    await mkdir(path("oo", "exp"), { recursive: true });
    await writeFile(path("oo", "exp", "crops"), "in the way");
    const json = path("oo.json");
    const { code } = await cli([
      ...["detect", "--source", source, ...FAST, "--exist-ok", "--project", path("oo"), "--save-crop", "--json", json],
    ]);
    expect(code).toBe(1);
    const [entry] = await entriesOf(json);
    expect(entry.error).toMatch(/is a file, not a folder/);
    expect(existsSync(path("oo", "exp", "a.jpg"))).toBe(true);
  });

  test("val still gives the figures and the JSON", async () => {
    const root = path("valdata");
    await mkdir(join(root, "images"), { recursive: true });
    for (const name of ["a.jpg", "b.jpg"]) await writeFile(join(root, "images", name), jpeg);
    await mkdir(path("vf", "exp", "labels", "a.txt"), { recursive: true });
    await mkdir(path("vf", "exp", "codes_predictions.json"), { recursive: true });
    const json = path("vf.json");
    const { code, stdout } = await cli([
      ...["val", "--data", root, ...FAST, "--save-txt", "--save-json", "--noplots", "--exist-ok"],
      ...["--project", path("vf"), "--json", json],
    ]);
    expect(code).toBe(1);
    const result = JSON.parse(await readFile(json, "utf8")) as { images: number; errors: string[] };
    expect(result.images).toBe(2);
    expect(result.errors).toHaveLength(2);
    expect(stdout).toContain("1 label files saved");
    expect(existsSync(path("vf", "exp", "labels", "b.txt"))).toBe(true);
  });

  test("val --save-json reports pictures with the same name in two folders", async () => {
    const root = path("twins");
    for (const name of ["a", "b"]) {
      await mkdir(join(root, "images", name), { recursive: true });
      await writeFile(join(root, "images", name, "x.jpg"), jpeg);
    }
    const run = ["val", ...TINY, "--save-json", "--noplots", "--project", path("twins-out")];
    expect((await cli([...run, "--data", root])).stderr).toMatch(
      /--save-json: duplicate image_id .* in 1 of the pictures \(.*b\/x\.jpg\), so their predictions cannot be/,
    );
    expect((await cli([...run, "--data", join(root, "images", "a")])).stderr).not.toContain("image_id");
  });

  test("export still writes the other format", async () => {
    copyFileSync(EXAMPLE, path("x.png"));
    const weights = path("m", "codes.safetensors");
    await mkdir(path("m"));
    copyFileSync(join(EXAMPLE, "..", "..", "models", "codes.safetensors"), weights);
    await mkdir(path("m", "codes.onnx"));
    const { code, stderr } = await cli(["export", "--weights", weights, "--include", "onnx"]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: --output ${path("m", "codes.onnx")}: cannot be written: is a folder; give the name of a file\n`,
    );
  });
});
