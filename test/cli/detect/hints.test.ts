/** Lines that tell a newcomer what is going on: the embedded model's narrow view, pictures that are cut off. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeJpeg, encodePng } from "../../../src/image/index.js";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const SMALL = ["--backend", "wasm", "--threads", "1", "--imgsz", "320", "--nosave"];
const HINT = /^note: without --weights the embedded model runs, which knows only qr_code, .*--weights yolov5n$/m;

const sky = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(200) };
await writeFile(path("sky.jpg"), encodeJpeg(sky));

test("without --weights and boxes, the classes of the embedded model are listed once, unless that would disturb", async () => {
  const none = await cli(["detect", "--source", path("sky.jpg"), path("sky.jpg"), ...SMALL]);
  expect(none.stdout.match(new RegExp(HINT, "gm"))).toHaveLength(1);
  expect((await cli(["detect", "--source", EXAMPLE, path("sky.jpg"), ...SMALL])).stdout).toMatch(HINT);
  expect((await cli(["detect", "--source", EXAMPLE, ...SMALL])).stdout).not.toMatch(HINT);
  expect((await cli(["detect", "--weights", "codes", "--source", path("sky.jpg"), ...SMALL])).stdout).not.toMatch(HINT);
  const quiet = await cli(["detect", "--source", path("sky.jpg"), "--quiet", ...SMALL]);
  expect([quiet.stdout, quiet.stderr]).toEqual(["", ""]);
  const json = await cli(["detect", "--source", path("sky.jpg"), "--json", "-", ...SMALL]);
  expect(JSON.parse(json.stdout).images).toHaveLength(1);
  expect(json.stderr).toMatch(HINT);
});

test("options without effect are named", async () => {
  const told = async (...words: string[]): Promise<string[]> => {
    const argv = ["detect", "--source", path("sky.jpg"), "--backend", "cpu", "--imgsz", "64", "--quiet", ...words];
    const { code, stderr } = await cli([...argv, "--project", path("told"), "--exist-ok"]);
    expect([code, ...stderr.split("\n").filter((line) => line !== "" && !line.startsWith("warning: "))]).toEqual([0]);
    return stderr
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace("warning: ", ""));
  };
  expect(await told("--track-buffer", "9", "--hide-conf", "--nosave")).toEqual([
    "--track-buffer has no effect without --track",
    "--hide-conf has no effect when nothing is drawn",
  ]);
  expect(await told("--record", "--vid-stride", "2", "--max-frames", "3")).toEqual([
    "--record has no effect on pictures",
    "--max-frames has no effect on pictures",
    "--vid-stride has no effect on pictures",
  ]);
  expect(await told("--blur", "--blur-shape", "mask", "--retina-masks")).toEqual([
    "--retina-masks applies to segmentation models only; ignored",
    "--blur-shape mask needs the outlines of a segmentation model; whole boxes are hidden",
  ]);
  expect(await told("--line", "200,0,200,50", "--zone", "0,0,30,0,30,30", "90,0,99,0,99,9,far", "--nosave")).toEqual([
    "--line 200,0,200,50: lies outside the picture of 64×48 pixels, where there is nothing to count",
    "--zone 90,0,99,0,99,9: lies outside the picture of 64×48 pixels, where there is nothing to count",
  ]);
  expect(await told("--track", "--track-buffer", "9", "--blur", "--line-thickness", "2")).toEqual([]);
});

test("lines and zones without names are identified by their kind", async () => {
  const figures = ["--line", "0,0.5,1,0.5", "0,0.2,1,0.2", "0,0.3,1,0.3,door", "--zone", "0,0,1,0,1,1"];
  const { stdout } = await cli([
    "detect",
    "--source",
    path("sky.jpg"),
    "--backend",
    "cpu",
    "--imgsz",
    "64",
    "--nosave",
    ...figures,
  ]);
  expect(stdout.match(/^(line|zone)[^:]*(?=:)/gm)).toEqual(["line", "line 2", "line door", "zone"]);
});

test("after Ctrl-C, files and JSON contain everything that the log names", async () => {
  const stop = new AbortController();
  const argv = [
    "detect",
    "--source",
    EXAMPLE,
    path("sky.jpg"),
    "--backend",
    "cpu",
    "--imgsz",
    "256",
    "--nosave",
    "--save-txt",
  ];
  const outcome = await cli([...argv, "--project", path("stopped"), "--json", path("stopped.json")], {
    signal: stop.signal,
    onStdout: (text) => text.startsWith("image 1/2") && stop.abort(),
  });
  expect(outcome.code).toBe(130);
  expect(outcome.stderr).toContain("interrupted after 1 of 2 pictures");
  const { images } = JSON.parse(await readFile(path("stopped.json"), "utf8"));
  expect(images.map(({ source }: { source: string }) => source)).toEqual([EXAMPLE]);
  expect(await readFile(join(path("stopped"), "exp", "labels", "codes.txt"), "utf8")).not.toBe("");
});

test("a truncated JPEG is used and reported on standard error and in the JSON; a truncated PNG is refused, as in OpenCV", async () => {
  const noisy = { ...sky, data: sky.data.map((value, i) => (value + i * 7919) & 255) };
  const jpeg = encodeJpeg(noisy);
  const png = encodePng(noisy);
  await writeFile(path("cut.jpg"), jpeg.subarray(0, jpeg.length * 0.6));
  await writeFile(path("cut.png"), png.subarray(0, png.length * 0.6));
  const argv = ["detect", "--source", path("cut.jpg"), path("cut.png"), "--json", "-", "--quiet", ...SMALL];
  const { code, stdout, stderr } = await cli(argv);
  expect(code).toBe(1);
  const [cut, refused] = JSON.parse(stdout).images;
  expect(cut.detections).toBeDefined();
  expect(cut.warnings).toEqual([expect.stringMatching(/cut\.jpg.*(truncated|cut off)/)]);
  expect(stderr).toMatch(/^warning: .*cut\.jpg.*(truncated|cut off)/m);
  expect(refused.error).toMatch(/cut\.png: .*(truncated|cut off|ends)/);
  expect((await readFile(path("cut.png"))).length).toBeLessThan(png.length);
});
