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

test("no boxes and no --weights: what the embedded model knows, once, and silent where it would disturb", async () => {
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

test("a truncated JPEG is used and reported, on standard error and in the JSON; a PNG is refused, as in OpenCV", async () => {
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
