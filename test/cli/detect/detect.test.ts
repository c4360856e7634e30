/** `yolov5 detect` from flags to files: log lines, JSON, pictures, labels, crops, folders of runs. */

import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeImage, encodeJpeg, encodePng, sniff } from "../../../src/image/index.js";
import { load } from "../../../src/node.js";
import type { DetectionResult } from "../../../src/yolov5/output/results.js";
import { detectionLines } from "../../../src/yolov5/output/text/saveText.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

interface Detection {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
  confidence: number;
  class: number;
  name: string;
}

/** What the library gives with the same options. */
let expected: DetectionResult;
beforeAll(async () => {
  const model = await load("codes", { backend: "cpu" });
  expected = (await model.detect(EXAMPLE, { imgsz: 256 })) as DetectionResult;
  model.dispose();
  expect(expected.detections.length).toBeGreaterThan(3);
});

describe("the embedded model on a picture", () => {
  test("prints a log line, speed and table, and writes the annotated picture and JSON", async () => {
    const json = path("out.json");
    const argv = ["detect", "--source", EXAMPLE, "--project", path("first"), "--json", json, ...FAST];
    const { code, stdout, stderr } = await cli(argv);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("Backend: cpu (TypeScript reference), float32");
    expect(lines[1]).toBe("Model:   embedded:codes, detect, 4 classes, 448,225 parameters");
    expect(lines[2]).toMatch(/^image 1\/1 .*codes\.png: 192x256 (\d+ \w+, )+\d+\.\dms$/);
    expect(lines[2]).toContain(expected.summary());
    expect(lines[3]).toMatch(
      /^Speed: [\d.]+ms pre-process, [\d.]+ms inference, [\d.]+ms NMS per image at shape \(1, 3, 256, 256\)$/,
    );
    expect(lines[4]).toBe(`Results saved to ${path("first", "exp")}`);
    expect(lines[6]).toMatch(/^image +class +confidence +xmin +ymin +xmax +ymax$/);
    expect(lines.filter((line) => line.startsWith("codes.png "))).toHaveLength(expected.detections.length);

    const document = JSON.parse(await readFile(json, "utf8"));
    expect(document.model).toEqual({
      path: "embedded:codes",
      task: "detect",
      names: ["qr_code", "barcode", "aruco", "data_matrix"],
    });
    expect(document.backend).toEqual({ name: "cpu", adapter: "TypeScript reference", dtype: "float32" });
    const [image] = document.images;
    expect(Object.keys(image).sort()).toEqual(["detections", "height", "input", "source", "speed", "width"]);
    expect(image.source).toBe(EXAMPLE);
    expect([image.width, image.height, image.input]).toEqual([1000, 750, [1, 3, 192, 256]]);
    expect(image.detections).toEqual(expected.detections);
    for (const key of ["preprocess", "inference", "postprocess"]) expect(image.speed[key]).toBeGreaterThan(0);
    const confidences = image.detections.map((d: Detection) => d.confidence);
    expect(confidences).toEqual(confidences.toSorted((a: number, b: number) => b - a));

    const annotated = await readFile(path("first", "exp", "codes.png"));
    expect(sniff(annotated)).toEqual({ kind: "picture", format: "png" });
    const drawn = await decodeImage(annotated);
    expect([drawn.width, drawn.height]).toEqual([1000, 750]);
    // The class's colour at the middle of a box's upper edge.
    const { xmin, xmax, ymin } = expected.detections[0];
    const at = (Math.round(ymin) * 1000 + Math.round((xmin + xmax) / 2)) * 3;
    expect(Math.abs(drawn.data[at] - 0xff)).toBeLessThan(60);
    expect(Math.abs(drawn.data[at + 1] - 0x38)).toBeLessThan(60);
    expect(await readdir(path("first", "exp"))).toEqual(["codes.png"]);
  });

  test("--json - writes JSON and nothing else to standard output", async () => {
    const { code, stdout, stderr } = await cli(["detect", "--nosave", "--json", "-", ...TINY]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).images).toHaveLength(1);
    expect(stdout.trimEnd()).not.toContain("\n");
    expect(stderr).toContain("image 1/1");
    expect(stderr).not.toContain("Results saved");
  });

  test("--quiet prints nothing, --nosave writes no files", async () => {
    const argv = ["detect", "--project", path("none"), "--nosave", "--quiet", ...TINY];
    expect(await cli(argv)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(existsSync(path("none"))).toBe(false);
  });

  test("thresholds, classes, agnostic NMS, --max-det and --square have their effect", async () => {
    const run = async (...flags: string[]) => {
      const { stdout } = await cli(["detect", "--nosave", "--json", "-", "--quiet", ...FAST, ...flags]);
      return JSON.parse(stdout).images[0] as { detections: Detection[]; input: number[] };
    };
    const all = (await run()).detections;
    const most = all[1].confidence;
    expect((await run("--conf-thres", String(most))).detections).toEqual(all.filter((d) => d.confidence > most));
    expect((await run("--max-det", "2")).detections).toEqual(all.slice(0, 2));
    const two = (await run("--classes", "0", "2")).detections;
    expect(new Set(two.map((d) => d.class))).toEqual(new Set([0, 2]));
    expect((await run("--classes", "0,2")).detections).toEqual(two);
    expect((await run("--iou", "0.01")).detections.length).toBeLessThanOrEqual(all.length);
    expect((await run("--square")).input).toEqual([1, 3, 256, 256]);
    expect((await run("--imgsz", "128", "256")).input).toEqual([1, 3, 128, 192]);
    expect((await run("--conf", "0.9999")).detections).toEqual([]);
  });

  test("options of detect.py that have no effect here are reported", async () => {
    const { code, stderr } = await cli(["detect", "--nosave", "--quiet", "--view-img", "--update", "--dnn", ...TINY]);
    expect(code).toBe(0);
    expect(stderr.match(/^warning: --(view-img|update|dnn)/gm)).toHaveLength(3);
  });
});

describe("what is saved", () => {
  test("--save-txt, --save-conf and --save-crop write labels and crops", async () => {
    const flags = ["--project", path("saved"), "--save-txt", "--save-conf", "--save-crop", "--nosave"];
    const first = await cli(["detect", "--source", EXAMPLE, ...flags, ...FAST]);
    expect(first.stdout).toContain(`1 labels saved to ${path("saved", "exp", "labels")}`);
    const labels = path("saved", "exp", "labels", "codes.txt");
    const lines = `${detectionLines(expected, true).join("\n")}\n`;
    expect(await readFile(labels, "utf8")).toBe(lines);
    expect(lines).toMatch(/^([0-3]( [\d.e-]+){5}\n)+$/);

    const crops = (await readdir(path("saved", "exp", "crops"), { recursive: true })).filter((n) => n.endsWith(".jpg"));
    expect(crops).toHaveLength(expected.detections.length);
    const names = expected.detections
      .filter((d) => d.name === "aruco")
      .map((_, i) => `codes${i === 0 ? "" : i + 1}.jpg`);
    expect((await readdir(path("saved", "exp", "crops", "aruco"))).sort()).toEqual(names.sort());
    // The weakest comes first, as detect.py numbers them.
    const weakest = expected.detections.findLast((d) => d.name === "aruco") as Detection;
    const crop = await decodeImage(await readFile(path("saved", "exp", "crops", "aruco", "codes.jpg")));
    expect(Math.abs(crop.width - ((weakest.xmax - weakest.xmin) * 1.02 + 10))).toBeLessThan(2.5);
    expect(Math.abs(crop.height - ((weakest.ymax - weakest.ymin) * 1.02 + 10))).toBeLessThan(2.5);
    expect(existsSync(path("saved", "exp", "codes.png"))).toBe(false);

    // Into the same folder again: label lines are appended, as detect.py appends them.
    await cli(["detect", "--source", EXAMPLE, ...flags, "--exist-ok", ...FAST]);
    expect(await readFile(labels, "utf8")).toBe(lines + lines);
    expect(await readdir(path("saved"))).toEqual(["exp"]);
  });

  test("runs go to exp, exp2, exp3, or to --name", async () => {
    const small = ["--imgsz", "64", "--backend", "cpu", "--quiet", "--source", EXAMPLE, "--project", path("runs")];
    for (let i = 0; i < 3; i++) await cli(["detect", ...small]);
    await cli(["detect", "--name", "mine", ...small]);
    expect((await readdir(path("runs"))).sort()).toEqual(["exp", "exp2", "exp3", "mine"]);
  });

  test("file formats are kept, and names do not collide", async () => {
    const picture = await decodeImage(await readFile(fixture("picture.png")), {});
    await mkdir(path("x"));
    await mkdir(path("y"));
    await writeFile(path("x", "a.png"), encodePng(picture));
    await cp(path("x", "a.png"), path("y", "a.png"));
    await writeFile(path("y", "B.JPEG"), encodeJpeg(picture));
    // A PNG by its bytes: the name's ending must not make a JPEG of that name.
    await cp(path("x", "a.png"), path("y", "wrong.jpg"));
    const small = ["--imgsz", "64", "--backend", "cpu", "--quiet"];
    await cli(["detect", "--source", path("x"), path("y"), "--project", path("formats"), ...small]);
    expect((await readdir(path("formats", "exp"))).sort()).toEqual(["B.JPEG", "a.png", "a_2.png", "wrong.png"]);
    for (const name of ["B.JPEG", "a.png", "a_2.png", "wrong.png"]) {
      const format = sniff(await readFile(path("formats", "exp", name)));
      expect(format).toEqual({ kind: "picture", format: name.endsWith(".png") ? "png" : "jpeg" });
    }
    await cli(["detect", "--source", EXAMPLE, "--project", path("jpg"), "--image-format", "jpg", ...small]);
    expect(await readdir(path("jpg", "exp"))).toEqual(["codes.jpg"]);
  });
});

describe("tasks", () => {
  const small = ["--imgsz", "64", "--backend", "cpu", "--source", fixture("picture.png"), "--json", "-", "--quiet"];

  test("segmentation writes masks as COCO RLE and polygons in label files", async () => {
    const argv = ["detect", "--weights", fixture("seg.pt"), "--project", path("seg"), "--save-txt", "--conf", "0.01"];
    const { code, stdout, stderr } = await cli([...argv, ...small]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const { model, images } = JSON.parse(stdout);
    expect(model.task).toBe("segment");
    const [{ detections, width, height }] = images;
    expect(detections.length).toBeGreaterThan(0);
    for (const { mask, area } of detections) {
      expect(mask.size).toEqual([height, width]);
      const runs = mask.counts as number[];
      expect(runs.reduce((sum, run) => sum + run, 0)).toBe(height * width);
      expect(runs.filter((_, i) => i % 2 === 1).reduce((sum, run) => sum + run, 0)).toBe(area);
    }
    const lines = (await readFile(path("seg", "exp", "labels", "picture.txt"), "utf8")).trimEnd().split("\n");
    expect(lines).toHaveLength(detections.length);
    expect(existsSync(path("seg", "exp", "picture.png"))).toBe(true);
  });

  test("classification writes the top 5 to JSON, label file and picture", async () => {
    const argv = ["detect", "--weights", fixture("cls.pt"), "--project", path("cls"), "--save-txt"];
    const { code, stdout } = await cli([...argv, ...small]);
    expect(code).toBe(0);
    const { model, images } = JSON.parse(stdout);
    expect(model.task).toBe("classify");
    expect(images[0].detections).toBeUndefined();
    const scores = images[0].top5 as { name: string; confidence: number }[];
    expect(scores.length).toBe(Math.min(5, model.names.length));
    const lines = scores.map(({ name, confidence }) => `${confidence.toFixed(2)} ${name}\n`).join("");
    expect(await readFile(path("cls", "exp", "labels", "picture.txt"), "utf8")).toBe(lines);
    expect(existsSync(path("cls", "exp", "picture.png"))).toBe(true);
  });

  test("an ensemble of a model with itself finds the same boxes", async () => {
    const run = async (...weights: string[]) => {
      const { stdout } = await cli(["detect", "--weights", ...weights, "--nosave", "--json", "-", "--quiet", ...FAST]);
      return JSON.parse(stdout);
    };
    const twice = await run("codes", "codes");
    expect(twice.model.ensemble).toEqual(["embedded:codes", "embedded:codes"]);
    expect(twice.images[0].detections).toEqual((await run("codes")).images[0].detections);
  });
});

test("Ctrl-C between pictures reports and writes what is done, with exit code 130", async () => {
  const abort = new AbortController();
  const argv = ["detect", "--source", EXAMPLE, EXAMPLE, EXAMPLE, "--nosave", "--json", path("stopped.json"), ...FAST];
  const { code, stderr } = await cli(argv, {
    signal: abort.signal,
    onStdout: (text) => {
      if (text.startsWith("image 1/3")) abort.abort();
    },
  });
  expect(code).toBe(130);
  expect(stderr).toMatch(/^interrupted after [01] of 3 pictures\n$/);
  const { images } = JSON.parse(await readFile(path("stopped.json"), "utf8"));
  expect(images.length).toBeLessThanOrEqual(1);
});
