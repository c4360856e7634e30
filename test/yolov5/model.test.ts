/** The public model: input sizes, options, its results and its lifetime. */

import { describe, expect, it } from "vitest";
import { DisposedError, OptionError, ShapeError } from "../../src/errors.js";
import { tensor } from "../../src/tensor/index.js";
import { randomModel } from "../../src/yolov5/loadModel.js";
import { type DetectOptions, resolveOptions } from "../../src/yolov5/options.js";
import { ClassificationResult, type DetectionResult } from "../../src/yolov5/output/results.js";
import { LOW, modelOf, noise, recordedModel, V6 } from "./recordedModel.js";
import { fixturePath, openFile } from "./trees.js";

describe("input sizes", () => {
  it("imgsz 100 becomes 128 with one warning, and multiples of 32 give none", async () => {
    const { model, record } = recordedModel();
    const warnings: string[] = [];
    const onWarning = (w: string): void => void warnings.push(w);
    await model.detect([noise(90, 40), noise(90, 40)], { imgsz: 100, onWarning });
    expect(warnings).toEqual(["imgsz 100 must be a multiple of the largest stride 32; using 128"]);
    await model.detect(noise(90, 40), { imgsz: [64, 100], onWarning });
    expect(warnings[1]).toBe("imgsz 64 100 must be a multiple of the largest stride 32; using 64 128");
    await model.detect(noise(90, 40), { imgsz: 128, onWarning });
    expect(warnings).toHaveLength(2);
    expect(record.runs).toEqual(["1×3×64×128", "1×3×64×128", "1×3×64×128", "1×3×64×128"]);
  });

  it("128×72 at 128 becomes 128×96 at stride 32 and 128×128 at stride 64 (P6)", async () => {
    for (const [opened, shape] of [
      [V6, "1×3×96×128"],
      [randomModel("yolov5n6"), "1×3×128×128"],
    ] as const) {
      const { model, record } = recordedModel([opened]);
      await model.detect(noise(128, 72), { imgsz: 128 });
      expect(record.runs).toEqual([shape]);
    }
  });

  it("rect, square and AutoShape's common shape are as in YOLOv5", async () => {
    const { model, record } = recordedModel();
    const pictures = [noise(120, 61), noise(40, 90, 2)];
    await model.detect(pictures, { imgsz: 64 });
    await model.detect(pictures, { imgsz: 64, square: true });
    await model.detect(pictures, { imgsz: 64, fit: "autoshape" });
    await model.detect(pictures[0], { imgsz: 64, fit: "autoshape" });
    expect(record.runs).toEqual([
      "1×3×64×64",
      "1×3×64×32",
      "1×3×64×64",
      "1×3×64×64",
      "1×3×64×64",
      "1×3×64×64",
      "1×3×32×64",
    ]);
  });

  it("AutoShape accepts any size without a warning, uses the larger of two, and rounds its shape up", async () => {
    const { model, record } = recordedModel();
    const warnings: string[] = [];
    const options: DetectOptions = { fit: "autoshape", onWarning: (w) => warnings.push(w) };
    // 200×130 at 100: 100×65 → 128×96; at 128 it would be 128×83 → 128×96 too, at 90 it is 90×58 → 96×64.
    await model.detect(noise(200, 130), { ...options, imgsz: 90 });
    await model.detect(noise(200, 130), { ...options, imgsz: [32, 100] });
    expect(record.runs).toEqual(["1×3×64×96", "1×3×96×128"]);
    expect(warnings).toEqual([]);
  });

  it("warmup and memory round up as detect does, and default to the task's size", async () => {
    const { model, record } = recordedModel();
    await model.warmup(100);
    await model.warmup([64, 33], 2);
    expect(record.runs).toEqual(["1×3×128×128", "2×3×64×64"]);
    expect(await model.memory(64)).toEqual({
      weightBytes: 1,
      activationBytes: 2,
      stagingBytes: 3,
      liveSetBytes: 4,
      sharedBytes: 5,
      shapeBytes: 6,
      shapes: 3,
      totalBytes: 5 + 3 * 6,
    });
    const classifier = recordedModel([openFile(fixturePath("cls.pt"))]);
    await classifier.model.warmup();
    expect(classifier.record.runs).toEqual(["1×3×224×224"]);
  });

  it("the imgsz of a classifier is rounded up too", async () => {
    const { model, record } = recordedModel([openFile(fixturePath("cls.pt"))]);
    const warnings: string[] = [];
    const result = await model.detect(noise(50, 40), { imgsz: 100, onWarning: (w) => warnings.push(w) });
    expect(result).toBeInstanceOf(ClassificationResult);
    expect(record.runs).toEqual(["1×3×128×128"]);
    expect(warnings).toHaveLength(1);
  });
});

describe("options", () => {
  it("have detect.py's defaults and may be named in both styles", () => {
    expect(resolveOptions({}, { classes: 80 })).toMatchObject({
      imgsz: undefined,
      conf: 0.25,
      iou: 0.45,
      maxDet: 1000,
      classes: undefined,
      agnostic: false,
      multiLabel: false,
      augment: false,
      retinaMasks: false,
      fit: "rect",
      batchSize: 1,
    });
    expect(
      resolveOptions({ confThres: 0.1, iouThres: 0.2, agnosticNms: true, square: true, imgsz: 320 }, { classes: 80 }),
    ).toMatchObject({ conf: 0.1, iou: 0.2, agnostic: true, fit: "square", imgsz: [320, 320] });
    expect(resolveOptions({ conf: 0, iou: 1, imgsz: [1, 16384] }, { classes: 1 })).toMatchObject({ conf: 0, iou: 1 });
  });

  it.each<[DetectOptions, string]>([
    [{ conf: 1.1 }, "conf must be between 0 and 1, got 1.1"],
    [{ confThres: -0.1 }, "conf must be between 0 and 1, got -0.1"],
    [{ iou: Number.NaN }, "iou must be between 0 and 1, got NaN"],
    [{ maxDet: 0 }, "maxDet must be a whole number of at least 1, got 0"],
    [{ maxDet: 2.5 }, "maxDet must be a whole number of at least 1, got 2.5"],
    [{ batchSize: -1 }, "batchSize must be a whole number of at least 1, got -1"],
    [{ imgsz: 0 }, "imgsz must be whole pixels between 1 and 16384, got 0"],
    [{ imgsz: 640.5 }, "imgsz must be whole pixels between 1 and 16384, got 640.5"],
    [{ imgsz: [640, 99999] }, "imgsz must be whole pixels between 1 and 16384, got 99999"],
    [{ imgsz: [640] as unknown as [number, number] }, "imgsz must be one number or [height, width], got [640]"],
    [{ classes: [0, 3] }, "classes: 3 is not a class of this model, which has 0 to 2"],
    [{ classes: [-1] }, "classes: -1 is not a class"],
    [{ fit: "stretch" as "rect" }, "fit must be one of rect, square, autoshape, got stretch"],
  ])("%j is refused", async (options, message) => {
    expect(() => resolveOptions(options, { classes: 3 })).toThrow(OptionError);
    expect(() => resolveOptions(options, { classes: 3 })).toThrow(message);
    await expect(recordedModel().model.detect(noise(8, 8), options)).rejects.toThrow(message);
  });

  it("classes, maxDet and conf are passed to NMS", async () => {
    const model = modelOf();
    const picture = noise(64, 64, 1);
    const all = (await model.detect(picture, { ...LOW, maxDet: 300 })) as DetectionResult;
    const one = (await model.detect(picture, { ...LOW, maxDet: 300, classes: [1] })) as DetectionResult;
    expect(one.detections.every((d) => d.class === 1)).toBe(true);
    expect(one.detections.length).toBeLessThan(all.detections.length);
    const few = (await model.detect(picture, { ...LOW, maxDet: 2 })) as DetectionResult;
    expect(few.detections).toEqual(all.detections.slice(0, 2));
    const strict = (await model.detect(picture, { ...LOW, conf: 0.999 })) as DetectionResult;
    expect(strict.detections).toEqual([]);
    model.dispose();
  });
});
describe("results and disposal", () => {
  it("a result has source, sizes, names and speed", async () => {
    const model = modelOf();
    const result = (await model.detect(noise(50, 30, 3), LOW)) as DetectionResult;
    expect(result.toJSON()).toMatchObject({
      width: 50,
      height: 30,
      input: [1, 3, 64, 64].map((d, i) => (i === 2 ? 64 : d)),
    });
    for (const { xmin, ymin, xmax, ymax, name } of result.detections) {
      expect(xmin >= 0 && ymin >= 0 && xmax <= 50 && ymax <= 30 && xmin <= xmax && ymin <= ymax).toBe(true);
      expect(model.names).toContain(name);
    }
    for (const ms of Object.values(result.speed)) expect(ms).toBeGreaterThanOrEqual(0);
    model.dispose();
  });

  it("tap, profile and forward use the first member", async () => {
    const model = modelOf();
    const input = tensor("float32", [1, 3, 32, 32]);
    expect((await model.tap(["model.0"], input)).get("model.0")?.shape).toEqual([1, 8, 16, 16]);
    expect((await model.profile(input)).length).toBeGreaterThan(50);
    await expect(model.tap(["model.0"], tensor("float32", [1, 3, 30, 32]))).rejects.toThrow(ShapeError);
    await expect(model.forward(tensor("float32", [3, 32, 32]))).rejects.toThrow("input must be float32 N×3×H×W");
    model.dispose();
  });

  it("dispose frees the backend, may be called twice, and makes every call throw DisposedError", async () => {
    const { model, record } = recordedModel();
    await model.warmup(64);
    model.dispose();
    model.dispose();
    expect(record.backendDisposed).toBe(true);
    const input = tensor("float32", [1, 3, 64, 64]);
    for (const call of [
      () => model.detect(noise(8, 8)),
      () => model.detect([]),
      () => model.predict(noise(8, 8)),
      () => model.forward(input),
      () => model.tap(["model.0"], input),
      () => model.profile(input),
      () => model.warmup(),
      () => model.memory(),
      () => model.stream([noise(8, 8)]).next(),
    ]) {
      await expect(call()).rejects.toThrow(DisposedError);
    }
  });

  it("disposing settles calls in progress", async () => {
    const { model } = recordedModel([V6], 20);
    const running = model.detect(noise(64, 64), { imgsz: 64 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    model.dispose();
    const settled = await Promise.race([
      running.then(
        () => "done",
        () => "failed",
      ),
      new Promise((resolve) => setTimeout(() => resolve("hangs"), 2000)),
    ]);
    expect(["done", "failed"]).toContain(settled);
  });
});
