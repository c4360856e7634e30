/** `yolov5 val` from flags to files: table, JSON, plots, label files, what goes wrong, Ctrl-C. */

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeImage, encodePng } from "../../src/image/index.js";
import { load } from "../../src/node.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { cli, EXAMPLE, fixture, scratchFolder } from "../cli/support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
/** A size at which the embedded model still finds codes, in well under a second. */
const FAST = ["--backend", "cpu", "--imgsz", "256"] as const;

/** A data set on which the embedded model is right: the example picture with what was found in it, and a grey one. */
beforeAll(async () => {
  const model = await load("codes", { backend: "cpu" });
  const { detections, width, height } = (await model.detect(EXAMPLE, { imgsz: 256, conf: 0.5 })) as DetectionResult;
  model.dispose();
  expect(detections.length).toBeGreaterThan(2);
  const lines = detections.map(({ class: c, xmin, ymin, xmax, ymax }) =>
    [c, (xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height].join(" "),
  );
  await mkdir(path("data", "images"), { recursive: true });
  await mkdir(path("data", "labels"));
  await cp(EXAMPLE, path("data", "images", "codes.png"));
  await writeFile(path("data", "labels", "codes.txt"), `${lines.join("\n")}\n`);
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
  await writeFile(path("data", "images", "grey.png"), encodePng(grey));
});

interface ValJson {
  readonly images: number;
  readonly instances: number;
  readonly precision: number;
  readonly recall: number;
  readonly map50: number;
  readonly map50_95: number;
  readonly perClass: readonly { readonly class: number; readonly name: string; readonly instances: number }[];
  readonly speed: Readonly<Record<"preprocess" | "inference" | "postprocess", number>>;
  readonly complete: boolean;
  readonly savedTo?: string;
}

describe("a run", () => {
  test("writes the table, JSON, plots, labels and predictions", async () => {
    const json = path("out.json");
    const { code, stdout, stderr } = await cli([
      ...["val", "--data", path("data"), "--project", path("runs"), "--json", json, ...FAST],
      ...["--save-txt", "--save-conf", "--save-json"],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("2 pictures, 1 of them background");
    expect(stdout).toContain(
      "                 Class     Images  Instances          P          R      mAP50   mAP50-95\n" +
        "                   all          2",
    );
    expect(stdout).toMatch(
      /Speed: [\d.]+ms pre-process, [\d.]+ms inference, [\d.]+ms NMS per image at shape \(1, 3, 256, 256\)/,
    );
    const result = JSON.parse(await readFile(json, "utf8")) as ValJson;
    expect([result.images, result.complete, result.savedTo]).toEqual([2, true, path("runs", "exp")]);
    expect(result.instances).toBeGreaterThan(2);
    // The labels are the model's own boxes, found with another letterbox.
    expect(result.map50).toBeGreaterThan(0.9);
    expect(result.map50_95).toBeGreaterThan(0.5);
    expect(result.perClass.reduce((sum, c) => sum + c.instances, 0)).toBe(result.instances);
    for (const ms of Object.values(result.speed)) expect(ms).toBeGreaterThan(0);
    const files = await readdir(path("runs", "exp"));
    expect(files.sort()).toEqual([
      "F1_curve.svg",
      "PR_curve.svg",
      "P_curve.svg",
      "R_curve.svg",
      "codes_predictions.json",
      "confusion_matrix.svg",
      "labels",
      "val_batch0_labels.jpg",
      "val_batch0_pred.jpg",
    ]);
    const mosaic = await decodeImage(await readFile(path("runs", "exp", "val_batch0_pred.jpg")));
    expect([mosaic.width, mosaic.height]).toEqual([800, 400]);
    const svg = await readFile(path("runs", "exp", "PR_curve.svg"), "utf8");
    expect(svg).toMatch(/^<svg .*mAP 0\.\d{3} at IoU 0\.5.*<path /s);
    const lines = (await readFile(path("runs", "exp", "labels", "codes.txt"), "utf8")).trim().split("\n");
    expect(lines.every((line) => /^\d( (\d|0\.\d+|[\d.]+e-\d+)){5}$/.test(line))).toBe(true);
    const predictions = JSON.parse(await readFile(path("runs", "exp", "codes_predictions.json"), "utf8")) as unknown[];
    expect(predictions.length).toBeGreaterThanOrEqual(lines.length);
    expect(predictions[0]).toMatchObject({ image_id: "codes", category_id: expect.any(Number) });
  });

  test("--json - writes only JSON to standard output, --noplots writes no files, --batch sets the batch", async () => {
    const { code, stdout, stderr } = await cli([
      ...[
        "val",
        "--data",
        path("data"),
        "--project",
        path("none"),
        "--json",
        "-",
        "--noplots",
        "--batch",
        "1",
        ...FAST,
      ],
    ]);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as ValJson).savedTo).toBeUndefined();
    expect(stderr).toContain("mAP50-95");
    await expect(readdir(path("none"))).rejects.toThrow();
  });

  test("--single-cls measures one class, named item", async () => {
    const { code, stdout } = await cli([
      "val",
      "--data",
      path("data"),
      "--json",
      "-",
      "--noplots",
      "--single-cls",
      ...FAST,
    ]);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as ValJson).perClass).toMatchObject([{ class: 0, name: "item" }]);
  });

  test("classification gives top-1 and top-5 accuracy", async () => {
    const model = await load(fixture("cls.pt"), { backend: "cpu" });
    const { names } = model;
    const result = await model.detect(EXAMPLE, { imgsz: 64 });
    model.dispose();
    if (result.task !== "classify") throw new Error("the fixture is a classification model");
    const best = result.top5[0].class;
    for (const [index, name] of names.entries()) {
      await mkdir(path("cls", "val", name), { recursive: true });
      if (index === best) await cp(EXAMPLE, path("cls", "val", name, "x.png"));
    }
    const argv = ["val", "--weights", fixture("cls.pt"), "--data", path("cls"), "--json", path("cls.json")];
    const { code, stdout } = await cli([...argv, "--backend", "cpu", "--imgsz", "64"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {19}Class {6}Images {4}top1_acc {4}top5_acc\n {21}all {11}1 {11}1 {11}1\n/);
    expect(JSON.parse(await readFile(path("cls.json"), "utf8"))).toMatchObject({
      images: 1,
      top1: 1,
      top5: 1,
      perClass: [{ class: best, name: names[best], images: 1, top1: 1 }],
    });
  });

  test("segmentation has columns for boxes and for masks", async () => {
    const argv = ["val", "--weights", fixture("seg.pt"), "--data", path("data"), "--single-cls", "--backend", "cpu"];
    const { code, stdout } = await cli([...argv, "--imgsz", "64", "--json", "-", "--noplots"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ images: 2, masks: { map50: expect.any(Number) } });
  });
});

describe("errors", () => {
  test("a wrong path is reported before anything is loaded", async () => {
    const { code, stderr } = await cli(["val", "--weights", "nowhere.pt", "--data", path("missing")]);
    expect([code, stderr.split("\n").length]).toEqual([1, 2]);
    expect(stderr).toMatch(
      /^error: --data .*missing: no such file or folder; give a folder with images\/ and labels\//,
    );
  });

  test("a missing --data is a usage error", async () => {
    const { code, stderr } = await cli(["val"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--data/);
  });

  test("a bad line is named, and unknown classes are reported with their numbers", async () => {
    await mkdir(path("bad", "images"), { recursive: true });
    await mkdir(path("bad", "labels"));
    await cp(EXAMPLE, path("bad", "images", "a.png"));
    await writeFile(path("bad", "labels", "a.txt"), "0 0.5 0.5 0.1 0.1\n0 0.5 0.5 wide 0.1\n");
    const line = await cli(["val", "--data", path("bad"), ...FAST]);
    expect([line.code, line.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: .*a\.txt:2: "wide" is not a number.*\n$/),
    ]);
    await writeFile(path("bad", "labels", "a.txt"), "91 0.5 0.5 0.1 0.1\n");
    const outside = await cli(["val", "--data", path("bad"), "--project", path("never"), ...FAST]);
    expect(outside.code).toBe(1);
    await expect(readdir(path("never"))).rejects.toThrow();
    expect(outside.stderr).toMatch(
      /^error: .*its labels use class 91 \(1 label\), but the model has \d+ classes \(0 to \d+\)/,
    );
  });

  test("--save-hybrid is refused, and options without effect are reported", async () => {
    const { code, stderr } = await cli(["val", "--data", path("data"), "--save-hybrid"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--save-hybrid: not available")]);
    const told = await cli(["val", "--data", path("data"), "--save-conf", "--conf", "0.1", "--noplots", ...FAST]);
    expect(told.code).toBe(0);
    expect(told.stderr).toBe(
      "warning: --save-conf has no effect without --save-txt\nwarning: --conf-thres 0.1 is above val.py's 0.001: mAP will come out too low\n",
    );
  });

  test("Ctrl-C prints the figures so far", async () => {
    const abort = new AbortController();
    await mkdir(path("many", "images"), { recursive: true });
    await mkdir(path("many", "labels"));
    for (let i = 0; i < 6; i++) {
      await cp(EXAMPLE, path("many", "images", `${i}.png`));
      await cp(path("data", "labels", "codes.txt"), path("many", "labels", `${i}.txt`));
    }
    const timer = setInterval(() => {
      // The first label file tells that pictures are being measured.
      readdir(path("stopped", "exp", "labels")).then(
        () => abort.abort(),
        () => undefined,
      );
    }, 5);
    const argv = [
      "val",
      "--data",
      path("many"),
      "--project",
      path("stopped"),
      "--save-txt",
      "--json",
      path("stopped.json"),
    ];
    const { code, stdout, stderr } = await cli([...argv, ...FAST], { signal: abort.signal });
    clearInterval(timer);
    expect(code).toBe(130);
    const result = JSON.parse(await readFile(path("stopped.json"), "utf8")) as ValJson;
    expect(result.images).toBeGreaterThan(0);
    expect(result.images).toBeLessThan(6);
    expect(result.complete).toBe(false);
    expect(result.map50).toBeGreaterThan(0.9);
    expect(stdout).toMatch(new RegExp(`all +${result.images} `));
    expect(stderr).toContain(`interrupted after ${result.images} of 6 pictures`);
    // Drawing takes longer than anybody waits then.
    expect(await readdir(path("stopped", "exp"))).toEqual(["labels"]);
  });
});
