/** `detect --workers`: the same files and the same JSON whatever the number of threads; one that dies; Ctrl-C; videos. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { allOr, FULL } from "../../support/full.js";
import { REPOSITORY, referencePath } from "../../support/reference.js";
import { ffmpeg, ffmpegMissing } from "../../support/video.js";
import { type BuiltOptions, type BuiltRun, built, run, start } from "../builtRuns.js";
import { EXAMPLE, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();

interface DetectJson {
  readonly images: { source: string; error?: string; detections?: unknown[] }[];
}
type Run = Omit<BuiltRun<DetectJson>, "json"> & { readonly json: DetectJson };

/** A run with everything that it writes. */
async function detect(workers: number, argv: readonly string[], options?: BuiltOptions): Promise<Run> {
  const flags = ["--backend", "wasm", "--workers", `${workers}`];
  const { json = { images: [] }, ...rest } = await run<DetectJson>(folder, ["detect", ...argv, ...flags], options);
  return { ...rest, json };
}

/** All that must be the same: not the times, nor the folder. */
function comparable({ code, json, files, stderr }: Run) {
  const images = json.images.map((image) => ({ ...image, speed: undefined }));
  return { code, images, files: Object.fromEntries(files), stderr };
}

async function expectSame(argv: readonly string[], counts: readonly number[]): Promise<Run> {
  const base = await detect(0, argv);
  for (const count of counts) expect(comparable(await detect(count, argv))).toEqual(comparable(base));
  return base;
}

/** Pictures of several formats and sizes in two folders, some of the same name, two of them unreadable. */
function mixedPictures(): string[] {
  const bytes = readFileSync(EXAMPLE);
  for (const name of ["a", "b"]) {
    mkdirSync(join(folder, name), { recursive: true });
    copyFileSync(EXAMPLE, join(folder, name, "codes.png"));
    copyFileSync(fixture("picture.png"), join(folder, name, "small.png"));
    copyFileSync(join(REPOSITORY, "test/fixtures/pytorch/picture.png"), join(folder, name, "wrong-ending.jpg"));
    writeFileSync(join(folder, name, "damaged.png"), bytes.subarray(0, 2000));
  }
  return ["a", "b", "none.jpg", relative(folder, EXAMPLE)];
}

const ALL = ["--save-txt", "--save-conf", "--save-crop", "--conf-thres", "0.1"];

describe.skipIf(!built)("detect --workers", () => {
  it.skipIf(referencePath("images", "coco_val2017_128") === undefined)(
    "COCO pictures: files and JSON are the same byte for byte for any number of workers",
    async () => {
      const images = join(referencePath("images", "coco_val2017_128") ?? "", "images");
      const weights = referencePath("weights", "yolov5n.pt") ?? "";
      const pictures = readdirSync(images)
        .toSorted()
        .slice(0, 10)
        .map((name) => join(images, name));
      const run = await expectSame(
        ["--weights", weights, "--source", ...pictures, "--imgsz", "320", ...ALL],
        allOr([1, 2, 3], [2]),
      );
      expect(run.code).toBe(0);
      expect(run.json.images).toHaveLength(10);
      expect(run.json.images.flatMap(({ detections = [] }) => detections).length).toBeGreaterThan(30);
      expect([...run.files.keys()].filter((name) => name.endsWith(".jpg")).length).toBeGreaterThan(30);
    },
  );

  it("the same objects are hidden", async () => {
    const run = await expectSame(["--source", EXAMPLE, "--imgsz", "256", "--blur", "--save-crop"], [2]);
    expect(run.code).toBe(0);
  });

  it("unreadable pictures are reported as without workers, and the others are done under the same names", async () => {
    const argv = ["--source", ...mixedPictures(), "--imgsz", "256", ...ALL];
    const run = await expectSame(argv, allOr([1, 3], [3]));
    expect(run.code).toBe(1);
    expect(run.json.images).toHaveLength(10);
    expect(run.json.images.filter(({ error }) => error !== undefined)).toHaveLength(3);
    expect([...run.files.keys()].filter((name) => /^exp\/codes/.test(name))).toEqual([
      "exp/codes.png",
      "exp/codes_2.png",
      "exp/codes_3.png",
    ]);
    if (FULL) await expectSame([...argv, "--batch-size", "3"], [2]);
  });

  it("masks, classes and tracks across pictures are the same", async () => {
    const sources = Array.from({ length: 5 }, () => fixture("picture.png"));
    for (const name of allOr(["seg.pt", "cls.pt"], ["seg.pt"])) {
      const flags = [
        "--weights",
        fixture(name),
        "--source",
        ...sources,
        "--imgsz",
        "64",
        ...ALL,
        "--conf-thres",
        "0.01",
      ];
      expect((await expectSame(flags, [2])).code).toBe(0);
    }
    const tracked = await expectSame(
      ["--source", ...Array.from({ length: 4 }, () => EXAMPLE), "--imgsz", "256", ...ALL, "--track"],
      [2],
    );
    expect(JSON.stringify(tracked.json)).toContain('"track":1');
  });

  it.skipIf(ffmpegMissing())("videos have the same frames, tracks and annotated video", async () => {
    const still = ["-loop", "1", "-i", EXAMPLE, "-vf", "scale=320:240", "-r", "10", "-frames:v", "12"];
    ffmpeg([...still, "-pix_fmt", "yuv420p", join(folder, "clip.mp4")]);
    const argv = ["--source", "clip.mp4", "--imgsz", "160", "--track", "--conf-thres", "0.1", "--save-txt"];
    const base = await detect(0, argv);
    for (const count of allOr([1, 3], [3])) {
      const run = await detect(count, argv);
      expect({ ...comparable(run), files: [...run.files] }).toEqual({ ...comparable(base), files: [...base.files] });
    }
    expect(base.json.images).toHaveLength(12);
    expect([...base.files.keys()]).toContain("exp/clip.mp4");
  });

  it("a worker that dies fails its picture but not the run", async () => {
    const sources = ["one.png", "deadly.png", "three.png", "deadly-too.png", "five.png", "six.png"];
    for (const name of sources) copyFileSync(fixture("picture.png"), join(folder, name));
    // Runs in every thread of the process before anything else.
    writeFileSync(
      join(folder, "deadly.cjs"),
      `const { isMainThread } = require("node:worker_threads");
       const files = require("node:fs/promises");
       const { readFile } = files;
       files.readFile = (path, ...rest) => {
         if (!isMainThread && String(path).includes("deadly")) process.exit(9);
         return readFile(path, ...rest);
       };
       require("node:module").syncBuiltinESMExports();`,
    );
    const env = { NODE_OPTIONS: `--require ${join(folder, "deadly.cjs")}` };
    const run = await detect(2, ["--source", ...sources, "--imgsz", "64", "--nosave"], { env });
    expect(run.code).toBe(1);
    expect(run.json.images.map(({ source, error }) => [source, error])).toEqual(
      sources.map((name) => [
        name,
        name.includes("deadly") ? `${name}: the worker thread ended (exit code 9)` : undefined,
      ]),
    );
    expect(run.stderr).toContain("error: deadly.png: the worker thread ended (exit code 9)\n");
  });

  it("Ctrl-C reports how far the run got, keeps what is done in the JSON, and exits with 130", async () => {
    let killed = false;
    const run = await detect(
      2,
      ["--source", ...Array.from({ length: 200 }, () => EXAMPLE), "--imgsz", "640", "--nosave"],
      {
        onText: (text, kill) => {
          if (killed || !text.includes("image 1/200")) return;
          killed = true;
          kill();
        },
      },
    );
    expect(run.code).toBe(130);
    expect(run.stderr).toMatch(/^interrupted after \d+ of 200 pictures$/m);
    expect(run.json.images.length).toBeGreaterThan(0);
    expect(run.json.images.length).toBeLessThan(200);
  });

  it("is the default for many pictures but not for few", async () => {
    const few = await start(folder, ["detect", "--source", EXAMPLE, "--backend", "wasm", "--nosave", "--threads", "2"]);
    expect(few.stdout).toMatch(/^Backend: wasm .*2 threads\), float32$/m);
    const sources = Array.from({ length: 12 }, () => fixture("picture.png"));
    const flags = ["--backend", "wasm", "--nosave", "--imgsz", "64", "--threads", "2"];
    const many = await start(folder, ["detect", "--source", ...sources, ...flags]);
    expect(many.stdout).toMatch(/^Backend: wasm .*1 thread\), float32, in 2 workers$/m);
    expect((await start(folder, ["detect", "--workers", "-1"])).code).toBe(2);
  });
});
