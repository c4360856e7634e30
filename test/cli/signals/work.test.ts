import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";
import { writeSafetensors } from "../../../src/weights/index.js";
import { FULL } from "../../support/full.js";
import { EXAMPLE } from "../support.js";
import { CODES, folder, LIMIT_MS, measureStart, Running, skip } from "./running.js";

const start = measureStart();

/** Signals at several moments, the first shortly after the start; in the short suite at one in the middle. */
async function littleIsDoneAfterwards(argv: readonly string[], atMs: readonly number[]): Promise<void> {
  const codes: (number | null)[] = [];
  for (const [i, at] of atMs.entries()) {
    if (!FULL && i !== atMs.length >> 1) continue;
    const signal = (["SIGINT", "SIGTERM", "SIGHUP"] as const)[i % 3];
    const run = new Running(argv);
    await run.reaches(start() + at);
    const before = run.cpuMs() ?? 0;
    run.child.kill(signal);
    const code = await run.ended;
    codes.push(code);
    expect([CODES[signal], 0], `${signal} at ${at} ms: ${run.stderr}`).toContain(code);
    expect(run.stderr).not.toMatch(/internal error/);
    if (code === 0) continue;
    expect(run.whole() - before, `${argv.join(" ")}, ${signal} at ${at} ms`).toBeLessThan(2 * start());
    const left = readdirSync(run.cwd, { recursive: true }).map(String);
    expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
  }
  expect(codes.some((code) => code !== 0)).toBe(true);
}

/** 8192 × 4096 pixels of 64 bits, Paeth-filtered: seconds of decoding, and many more of encoding. */
function hugePng(): string {
  const [width, height] = [8192, 4096];
  const row = Buffer.alloc(width * 8 + 1);
  row.set([4, 1]);
  const raw = Buffer.alloc(row.length * height);
  for (let y = 0; y < height; y++) row.copy(raw, y * row.length);
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([16, 6], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(raw, { level: 1 })), chunk("IEND", Buffer.alloc(0))];
  const path = join(folder, "huge.png");
  writeFileSync(path, Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts]));
  return path;
}

function data(count: number): string {
  const images = join(folder, `data${count}`, "images");
  mkdirSync(images, { recursive: true });
  for (let i = 0; i < count; i++) copyFileSync(EXAMPLE, join(images, `${i}.png`));
  return join(folder, `data${count}`);
}

/** 24 MB of results, as a shard of `detect` writes them. */
function largeResults(): string {
  const shard = { index: 0, count: 1, command: "detect", run: "x", failed: 0 };
  const detections = Array.from({ length: 10 }, (_, i) => ({
    class: i,
    confidence: 0.5 / (i + 1),
    box: [i, 1.25, 3, 9],
  }));
  const images = Array.from({ length: 40_000 }, (_, i) => ({
    source: `${i}.jpg`,
    width: 640,
    height: 480,
    detections,
  }));
  const path = join(folder, "large.json");
  writeFileSync(path, JSON.stringify({ shard, model: { path: "m" }, backend: { name: "wasm" }, images }));
  return path;
}

/** 20 MB of annotations whose pictures are not there. */
function largeCoco(): string {
  const images = Array.from({ length: 40_000 }, (_, id) => ({ id, file_name: `${id}.jpg`, width: 640, height: 480 }));
  const annotations = Array.from({ length: 200_000 }, (_, id) => ({
    ...{ id, image_id: id % images.length, category_id: 1, iscrowd: 0 },
    bbox: [1.5, 2.25, 30.125, 40.5],
  }));
  const path = join(folder, "instances.json");
  writeFileSync(path, JSON.stringify({ images, annotations, categories: [{ id: 1, name: "qr" }] }));
  return path;
}

/** Of a picture on which the reference takes many times as long as a start. What it says of the layer is never reached. */
function largeReference(): string {
  const side = 1920;
  const reference = new Map<string, HostTensor>([
    ["input_rgb_u8", tensor("uint8", [side, side, 3], new Uint8Array(side * side * 3))],
    ["layer.24", tensor("float32", [1], new Float32Array(1))],
  ]);
  const path = join(folder, "large.layers.safetensors");
  writeFileSync(path, writeSafetensors(reference));
  return path;
}

const WASM = ["--backend", "wasm", "--threads", "1"] as const;
const LARGE = ["--weights", "random:yolov5m"] as const;

describe.skipIf(skip)("little work is done after a signal", { timeout: 10 * LIMIT_MS }, () => {
  const folderOfData = data(2);

  test("detect: a large model", () =>
    littleIsDoneAfterwards(
      ["detect", ...LARGE, "--source", EXAMPLE, ...WASM, "--imgsz", "1600", "--json", "o.json"],
      [0, 1500, 4000],
    ));

  test("detect: a large picture, decoded and encoded", () =>
    littleIsDoneAfterwards(["detect", "--source", hugePng(), ...WASM, "--imgsz", "64"], [0, 700, 4000]));

  test("val", () =>
    littleIsDoneAfterwards(["val", ...LARGE, "--data", folderOfData, ...WASM, "--imgsz", "960"], [0, 1500, 4000]));

  test("val: curves and mosaics", () =>
    littleIsDoneAfterwards(["val", "--data", data(100), ...WASM, "--imgsz", "256", "--save-json"], [500, 1000, 2000]));

  test("val: large annotations", () =>
    littleIsDoneAfterwards(["val", "--data", largeCoco(), ...WASM, "--imgsz", "64"], [100, 500, 1500]));

  test("merge: large results", () =>
    littleIsDoneAfterwards(["merge", largeResults(), "--output", "merged.json"], [-100, 100, 400]));

  test("bench", () => littleIsDoneAfterwards(["bench", ...LARGE, ...WASM], [0, 1500, 4000]));

  test("verify on the reference", () =>
    littleIsDoneAfterwards(
      ["verify", "--weights", "codes", "--reference", largeReference(), "--backend", "cpu"],
      [0, 1500, 3000],
    ));

  test("info", () => littleIsDoneAfterwards(["info", "--weights", "random:yolov5x"], [-100, 300, 800]));

  test("export", () =>
    littleIsDoneAfterwards(
      ["export", "--weights", "random:yolov5x", "--half", "--output", "x.safetensors"],
      [0, 1200, 2000],
    ));

  test("compress", () =>
    littleIsDoneAfterwards(
      [
        ...["compress", ...LARGE, "--data", folderOfData, ...WASM, "--imgsz", "64", "--iterations", "1"],
        ...["--criterion", "l1", "--prune", "0.1", "--unstructured", "0.5", "--calibration-images", "2"],
      ],
      [0, 1000, 2000, 3500, 6000],
    ));
});
