/**
 * `--save-coco`, `--save-voc`, `--save-cvat`, `--save-labelstudio`: which files there are, and that `val` takes what was
 * found for the truth, in which everything is found: mAP 1.
 */

import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseXml } from "@rgrove/parse-xml";
import { describe, expect, test } from "vitest";
import { FULL } from "../../support/full.js";
import { referenceMissing, referencePath } from "../../support/reference.js";
import { ffmpeg, ffmpegMissing } from "../../support/video.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const ALL = ["--save-coco", "--save-voc", "--save-cvat", "--save-labelstudio"];

async function run(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli([...words, "--quiet"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
}
const json = async (...names: string[]) => JSON.parse(await readFile(path(...names), "utf8"));
const labelsIn = async (name: string): Promise<string[]> =>
  (await readdir(path(name, "exp"), { recursive: true })).filter((file) => /\.(json|xml)$/.test(file)).toSorted();

describe("files", () => {
  test("of pictures in two folders have names relative to the common folder, and one XML each", async () => {
    for (const name of ["a", "b"]) {
      await mkdir(path("in", name), { recursive: true });
      await cp(EXAMPLE, path("in", name, "codes.png"));
    }
    await run("detect", "--source", path("in/*/codes.png"), ...FAST, ...ALL, "--nosave", "--project", path("two"));
    const [first, second] = [join("Annotations", "codes.xml"), join("Annotations", "codes_2.xml")];
    expect(await labelsIn("two")).toEqual([
      first,
      second,
      "coco.json",
      "cvat.xml",
      "labelstudio.json",
      "labelstudio.xml",
    ]);
    const { images, annotations } = await json("two", "exp", "coco.json");
    expect(images.map((image: { file_name: string }) => image.file_name)).toEqual(["a/codes.png", "b/codes.png"]);
    expect(annotations.length).toBeGreaterThan(6);
    for (const file of await labelsIn("two")) {
      if (file.endsWith(".xml")) expect(parseXml(await readFile(path("two", "exp", file), "utf8")).root).not.toBeNull();
    }
  });

  test("list a picture in which nothing was found; classification models are refused", async () => {
    await run(
      "detect",
      "--source",
      EXAMPLE,
      ...TINY,
      ...ALL,
      "--conf-thres",
      "1",
      "--nosave",
      "--project",
      path("none"),
    );
    const { images, annotations } = await json("none", "exp", "coco.json");
    expect([images.length, annotations.length]).toEqual([1, 0]);
    const argv = ["detect", "--weights", fixture("cls.pt"), "--source", EXAMPLE, "--backend", "cpu", "--imgsz", "64"];
    const { code, stderr } = await cli([...argv, ...ALL, "--nosave", "--quiet", "--project", path("cls")]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--save-coco needs boxes, and a classification model finds none; --save-txt writes/),
    ]);
  });

  test.skipIf(ffmpegMissing())("of a video contain tracks, or its frames as pictures for COCO and VOC", async () => {
    const still = ["-loop", "1", "-framerate", "10", "-i", EXAMPLE];
    ffmpeg([...still, "-frames:v", "6", "-vf", "scale=400:300", "-pix_fmt", "yuv420p", path("clip.mp4")]);
    const words = ["--source", path("clip.mp4"), ...FAST, ...ALL, "--track", "--nosave", "--vid-stride", "2"];
    await run("detect", ...words, "--project", path("video"));
    const xml = [1, 2, 3].map((frame) => join("Annotations", `clip_${frame}.xml`));
    const whole = ["clip.cvat.xml", "coco.json", "labelstudio-videos.json", "labelstudio-videos.xml"];
    expect(await labelsIn("video")).toEqual([...xml, ...whole]);
    const { images, annotations } = await json("video", "exp", "coco.json");
    expect(images.map((image: { file_name: string }) => image.file_name)).toEqual([
      "clip_1.jpg",
      "clip_2.jpg",
      "clip_3.jpg",
    ]);
    expect(annotations[0].attributes.track_id).toBe(1);
    // Every second frame of the source.
    const text = await readFile(path("video", "exp", "clip.cvat.xml"), "utf8");
    expect([...text.matchAll(/<box frame="(\d+)" outside="0"/g)].map(([, frame]) => frame)).toEqual(
      expect.arrayContaining(["1", "3", "5"]),
    );
  });
});

describe.skipIf(referenceMissing("images", "coco_val2017_128") || referenceMissing("weights", "yolov5n.pt"))(
  "val reads them",
  () => {
    const images = join(referencePath("images", "coco_val2017_128") ?? "", "images");
    const weights = referencePath("weights", "yolov5n.pt") ?? "";

    test("every format: everything that detect found gives mAP 1", async () => {
      // Among them pictures whose shorter side detect rounds up and val.py cuts off: they get another row of pixels.
      const names = (await readdir(images)).toSorted();
      const chosen = [...names.filter((name) => /2299|6614|9378/.test(name)), ...names.slice(0, FULL ? 128 : 3)];
      const same = ["--weights", weights, "--backend", "wasm", "--imgsz", "640"];
      const sources = [...new Set(chosen)].map((name) => join(images, name));
      await run("detect", ...same, "--source", ...sources, ...ALL, "--nosave", "--project", path("coco"));
      for (const data of ["coco.json", "Annotations", "cvat.xml", "labelstudio.json"]) {
        const measure = ["--data", path("coco", "exp", data), "--images", images, "--noplots", "--as-detect"];
        const json = await run("val", ...same, ...measure, "--ap", "coco", "--project", path("val"), "--json", "-");
        const { images: count, instances, precision, recall, map50, map50_95: map } = JSON.parse(json);
        expect(count).toBe(sources.length);
        expect(instances).toBeGreaterThan(20);
        expect([precision, recall].every((value) => value > 0.99)).toBe(true);
        expect([map50, map]).toEqual([1, 1]);
      }
    });

    test("masks come back pixel by pixel from COCO, CVAT and Label Studio, with holes and in parts", async () => {
      const segmenter = referencePath("weights", "anchor-free", "v8-seg.pt") ?? "";
      const sources = (await readdir(images))
        .toSorted()
        .slice(0, FULL ? 128 : 4)
        .map((name) => join(images, name));
      // Random weights: low thresholds, and masks in many parts.
      const same = ["--weights", segmenter, "--backend", "wasm", "--imgsz", "256", "--conf-thres", "0.1"];
      const most = ["--max-det", "20"];
      await run("detect", ...same, ...most, "--source", ...sources, ...ALL, "--nosave", "--project", path("masks"));
      const { annotations } = await json("masks", "exp", "coco.json");
      const kinds = annotations.map(({ segmentation }: { segmentation: object }) => "counts" in segmentation);
      expect(new Set(kinds)).toEqual(new Set([true, false]));
      for (const data of ["coco.json", "cvat.xml", "labelstudio.json"]) {
        const measure = ["--data", path("masks", "exp", data), "--images", images, "--noplots", "--as-detect"];
        const argv = [...same, ...most, ...measure, "--ap", "coco", "--project", path("val"), "--json", "-"];
        const { masks } = JSON.parse(await run("val", ...argv));
        expect([masks.map50, masks.map50_95]).toEqual([1, 1]);
      }
    });
  },
);
