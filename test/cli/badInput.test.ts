/** Inputs that fail: exit code 1, one clear line, nothing executed, the other inputs still done. */

import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodePng } from "../../src/image/index.js";
import { referencePath } from "../support/reference.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder, TINY } from "./support.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4062133\n";
const HTML = "<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n";

const v6 = await readFile(fixture("v6.pt"));
await writeFile(path("empty.pt"), "");
await writeFile(path("truncated.pt"), v6.subarray(0, v6.length - 100));
await writeFile(path("page.pt"), HTML);
await writeFile(path("pointer.pt"), LFS);
await cp(EXAMPLE, path("picture.pt"));
await writeFile(path("text.jpg"), "no picture\n");
await writeFile(path("empty.jpg"), "");
await writeFile(path("page.jpg"), HTML);
await writeFile(path("cut.png"), encodePng({ width: 8, height: 8, data: new Uint8Array(192) }).subarray(0, 40));

describe("weights", () => {
  test.each<[string, RegExp]>([
    ["missing.pt", /missing\.pt: no such file; give the path/],
    ["empty.pt", /empty\.pt: is empty/],
    ["truncated.pt", /truncated\.pt: .*truncated/],
    ["page.pt", /page\.pt: is a web page \(HTML\)/],
    ["pointer.pt", /pointer\.pt: is a git-lfs pointer.*git lfs pull/],
    ["picture.pt", /picture\.pt: is a PNG picture.*--source/],
    [".", /is a folder/],
  ])("%s", async (name, message) => {
    for (const command of [
      ["detect", "--source", EXAMPLE, "--nosave"],
      ["info"],
      ["bench", "--seconds", "1"],
      ["export"],
    ]) {
      const { code, stdout, stderr } = await cli([...command, "--weights", path(name), "--backend", "cpu"].flat());
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^error: [^\n]+\n$/);
      expect(stdout).toBe("");
      expect(code).toBe(1);
    }
  });

  test("a checkpoint that would run code is refused, or loaded without running it", async () => {
    const weights = referencePath("weights", "formats", "executes-code.pt");
    if (!weights) return;
    const trace = join(tmpdir(), "yolov5-pickle-was-executed");
    const { code, stderr } = await cli([
      "detect",
      "--weights",
      weights,
      "--source",
      EXAMPLE,
      "--nosave",
      "--quiet",
      ...TINY,
    ]);
    expect(existsSync(trace)).toBe(false);
    if (code !== 0) expect(stderr).toMatch(/^error: [^\n]+\n$/);
  });

  test("DEBUG adds the stack trace", async () => {
    const { code, stderr } = await cli(["info", "--weights", path("empty.pt")], { env: { DEBUG: "1" } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\n/);
    expect(stderr).toContain("    at ");
  });
});

describe("sources", () => {
  test.each<[string, RegExp]>([
    ["missing.jpg", /missing\.jpg: no such file; give a picture/],
    ["text.jpg", /text\.jpg: is a text file, not a picture/],
    ["empty.jpg", /empty\.jpg: is an empty file/],
    ["page.jpg", /page\.jpg: is a web page/],
    ["cut.png", /cut\.png: /],
    ["*.tiff", /matches no files/],
  ])("%s", async (name, message) => {
    const { code, stdout, stderr } = await cli([
      "detect",
      "--source",
      path(name),
      "--nosave",
      "--json",
      "-",
      "--quiet",
      ...TINY,
    ]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    const { images } = JSON.parse(stdout);
    expect(images).toHaveLength(1);
    expect(images[0].source).toBe(path(name));
    expect(`error: ${images[0].error}\n`).toBe(stderr);
    expect(code).toBe(1);
  });

  test.each<[string, RegExp]>([
    ["screen", /screen capture is not available/],
    ["https://youtu.be/abc", /page with a video; download the video/],
    ["https://", /not a valid URL/],
    ["", /is empty/],
  ])("%j", async (source, message) => {
    const { code, stderr } = await cli(["detect", "--source", source, "--nosave", "--backend", "cpu"]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(code).toBe(1);
  });

  test("a server that cannot be reached is reported", async () => {
    const source = "http://127.0.0.1:9/bus.jpg";
    const { code, stderr } = await cli(["detect", "--source", source, "--nosave", "--quiet", ...TINY]);
    expect(stderr).toMatch(/^error: http:\/\/127\.0\.0\.1:9\/bus\.jpg: cannot be reached[^\n]*\n$/);
    expect(code).toBe(1);
  });

  test("a folder with one broken picture still gives results for the others", async () => {
    const photos = path("photos");
    await mkdir(photos);
    await cp(EXAMPLE, join(photos, "a.png"));
    await writeFile(join(photos, "b.jpg"), "broken");
    await cp(EXAMPLE, join(photos, "c.png"));
    for (const batch of ["1", "3"]) {
      const argv = [
        "detect",
        "--source",
        photos,
        "--json",
        "-",
        "--project",
        path(`runs${batch}`),
        "--batch-size",
        batch,
      ];
      const { code, stdout, stderr } = await cli([...argv, ...FAST]);
      expect(code).toBe(1);
      const { images } = JSON.parse(stdout);
      expect(images.map((image: { source: string }) => image.source)).toEqual(
        ["a.png", "b.jpg", "c.png"].map((name) => join(photos, name)),
      );
      expect(images[0].detections.length).toBeGreaterThan(3);
      expect(images[1].error).toContain("b.jpg: is a text file");
      expect(images[2].detections).toEqual(images[0].detections);
      expect(stderr.match(/^error: /gm)).toHaveLength(1);
      expect(stderr).toContain("1 of 3 sources failed");
      expect((await readdir(join(path(`runs${batch}`), "exp"))).sort()).toEqual(["a.png", "c.png"]);
    }
  });

  test("a picture of 1×1 pixels is processed", async () => {
    await writeFile(path("dot.png"), encodePng({ width: 1, height: 1, data: new Uint8Array([200, 30, 60]) }));
    const { code, stdout, stderr } = await cli([
      "detect",
      "--source",
      path("dot.png"),
      "--project",
      path("dots"),
      "--json",
      "-",
      "--conf-thres",
      "0.001",
      ...TINY,
    ]);
    expect(code).toBe(0);
    expect(stderr).not.toContain("error:");
    const [image] = JSON.parse(stdout).images;
    expect([image.width, image.height]).toEqual([1, 1]);
    for (const { xmin, ymin, xmax, ymax } of image.detections) {
      for (const value of [xmin, ymin, xmax, ymax]) expect(value >= 0 && value <= 1).toBe(true);
    }
    expect(existsSync(path("dots/exp/dot.png"))).toBe(true);
  });

  test("--imgsz 100 runs at 128 with one warning", async () => {
    const { code, stdout, stderr } = await cli([
      "detect",
      "--source",
      EXAMPLE,
      EXAMPLE,
      "--imgsz",
      "100",
      "--nosave",
      "--json",
      "-",
      "--quiet",
      "--backend",
      "cpu",
    ]);
    expect(code).toBe(0);
    expect(stderr).toBe("warning: imgsz 100 must be a multiple of the largest stride 32; using 128\n");
    expect(JSON.parse(stdout).images[0].input).toEqual([1, 3, 96, 128]);
  });
});

describe("neighbouring files", () => {
  test.each<[string[], RegExp]>([
    [["detect", "--cfg", "missing.yaml"], /--cfg missing\.yaml: no such file/],
    [["detect", "--data", fixture("picture.png")], /--data .*picture\.png: /],
    [
      ["verify", "--weights", "codes", "--reference", "missing.safetensors"],
      /--reference missing\.safetensors: no such file/,
    ],
    [["verify", "--weights", "codes", "--reference", EXAMPLE], /codes\.png: /],
    [
      ["verify", "--weights", "codes", "--reference", fixture("csp.layers.safetensors")],
      /csp\.layers\.safetensors: .*the reference of another model/,
    ],
    [["detect", "--json", join(EXAMPLE, "x.json"), "--nosave", "--quiet", ...TINY], /codes\.png.*not a folder/],
    [["detect", "--project", join(EXAMPLE, "x"), "--quiet", ...TINY], /codes\.png.*not a folder/],
  ])("%j", async (argv, message) => {
    const { code, stderr } = await cli([...argv, ...(argv.includes("--backend") ? [] : ["--backend", "cpu"])]);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(code).toBe(1);
  });
});
