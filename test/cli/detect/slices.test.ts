/** `--slice` of `detect` and `val`, from flags to JSON. */

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const QUICK = ["--backend", "wasm", "--threads", "1"] as const;

interface Found {
  readonly slices?: number;
  readonly detections: readonly { readonly confidence: number; readonly name: string }[];
}

async function detect(...options: string[]): Promise<Found> {
  const argv = ["detect", "--source", EXAMPLE, "--nosave", "--quiet", "--json", "-", ...QUICK, ...options];
  const { code, stdout, stderr } = await cli(argv);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout).images[0];
}

test("windows find at a small input size what the whole picture shows only at a large one; the JSON has their number", async () => {
  const whole = await detect("--imgsz", "160");
  const sliced = await detect("--imgsz", "160", "--slice", "320", "--slice-overlap", "0.3");
  expect(whole.slices).toBeUndefined();
  // 1000×750 in windows of 320 that share at least 96.
  expect(sliced.slices).toBe(5 * 3);
  expect(sliced.detections.length).toBeGreaterThan(whole.detections.length);
  const batched = await detect("--imgsz", "160", "--slice", "320x320", "--slice-overlap", "0.3", "--batch-size", "5");
  expect(batched.detections.map(({ name }) => name)).toEqual(sliced.detections.map(({ name }) => name));
  for (const merge of ["nms", "ios"]) {
    const other = await detect("--imgsz", "160", "--slice", "320", "--slice-overlap", "0.3", "--slice-merge", merge);
    expect(other.slices).toBe(15);
    expect(other.detections.length).toBeGreaterThan(whole.detections.length);
  }
});

test("without a size, windows are as large as the network's input", async () => {
  expect((await detect("--imgsz", "480", "--slice")).slices).toBe(3 * 2);
});

test.each([
  [["--slice", "20"], /Give the windows' width, or width and height, in pixels from 32 to 16384/],
  [["--slice", "640by480"], /Give the windows' width/],
  [["--slice", "640", "--slice-overlap", "0.95"], /It must be between 0 and 0\.9/],
  [["--slice", "640", "--slice-merge", "nmm"], /Allowed choices are nms, iou, ios/],
  [["--slice-merge", "nms"], /--slice-merge needs --slice, for example --slice 640/],
  [["--slice-overlap", "0.1"], /--slice-overlap needs --slice/],
])("%j is a usage error", async (options, message) => {
  for (const command of [
    ["detect", "--source", EXAMPLE],
    ["val", "--data", folder],
  ]) {
    const { code, stderr } = await cli([...command, ...options]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
});

test("val measures what windows gain", async () => {
  const data = join(folder, "codes");
  await mkdir(join(data, "images"), { recursive: true });
  await mkdir(join(data, "labels"));
  await cp(EXAMPLE, join(data, "images", "codes.png"));
  // What the network finds at its own size is the truth of this data set.
  const { detections } = (await detect("--conf-thres", "0.5")) as unknown as {
    detections: { class: number; xmin: number; ymin: number; xmax: number; ymax: number }[];
  };
  const labels = detections.map(({ class: index, xmin, ymin, xmax, ymax }) =>
    [index, (xmin + xmax) / 2 / 1000, (ymin + ymax) / 2 / 750, (xmax - xmin) / 1000, (ymax - ymin) / 750].join(" "),
  );
  expect(labels.length).toBeGreaterThan(5);
  await writeFile(join(data, "labels", "codes.txt"), `${labels.join("\n")}\n`);
  const recall = async (...options: string[]): Promise<number> => {
    const argv = ["val", "--data", data, "--imgsz", "160", "--noplots", "--quiet", "--json", "-", ...QUICK, ...options];
    const { code, stdout } = await cli([...argv, "--project", folder]);
    expect(code).toBe(0);
    return JSON.parse(stdout).map50;
  };
  expect(await recall("--slice", "480")).toBeGreaterThan(await recall());
});
