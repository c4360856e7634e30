/** The public model: options, lists and batches, raw pictures, overlapping calls, ensembles, augmentation. */

import { describe, expect, it } from "vitest";
import { DisposedError, ImageError, OptionError, ShapeError, UnsupportedError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { type RawPicture, rawToRgb, readPicture } from "../../src/yolov5/input/pictures.js";
import { createMember, type OpenedModel, randomModel } from "../../src/yolov5/loadModel.js";
import { Model } from "../../src/yolov5/model.js";
import { type DetectOptions, resolveOptions } from "../../src/yolov5/options.js";
import { ClassificationResult, type DetectionResult } from "../../src/yolov5/output/results.js";
import { recordingBackend } from "./recordingBackend.js";
import { fixturePath, openFile, smallModel } from "./trees.js";

const V6 = openFile(fixturePath("v6.pt"));
/** Random weights: most scores are small. */
const LOW: DetectOptions = { conf: 0.02, imgsz: 64, maxDet: 20 };

function noise(width: number, height: number, seed = 1): RawPicture {
  const random = seededRandom(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random() * 256) };
}

async function reader(source: RawPicture) {
  const picture = await readPicture(source, { decode: decodeImage });
  if (!picture) throw new Error("no picture");
  return picture;
}

function modelOf(opened: readonly OpenedModel[] = [V6], backend: Backend = createCpuBackend()): Model<RawPicture> {
  const members = opened.map((o, i) => createMember(o, backend, { path: `${i}.pt` }));
  return new Model(members, backend, reader);
}

/** A model that records the input shapes of its runs. */
function recordedModel(opened: readonly OpenedModel[] = [V6], delay?: number) {
  const { backend, record } = recordingBackend(delay === undefined ? {} : { delay });
  return { model: modelOf(opened, backend), record };
}

const boxes = (results: readonly unknown[]): unknown[] => results.map((r) => (r as DetectionResult).detections);

describe("input sizes", () => {
  it("imgsz 100 becomes 128 with one warning; multiples of 32 say nothing", async () => {
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

  it("128×72 at 128: 128×96 at stride 32, 128×128 at stride 64 (P6)", async () => {
    for (const [opened, shape] of [
      [V6, "1×3×96×128"],
      [randomModel("yolov5n6"), "1×3×128×128"],
    ] as const) {
      const { model, record } = recordedModel([opened]);
      await model.detect(noise(128, 72), { imgsz: 128 });
      expect(record.runs).toEqual([shape]);
    }
  });

  it("rect, square and AutoShape's common shape", async () => {
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

  it("AutoShape takes any size without a warning, the larger of two, and rounds its shape up", async () => {
    const { model, record } = recordedModel();
    const warnings: string[] = [];
    const options: DetectOptions = { fit: "autoshape", onWarning: (w) => warnings.push(w) };
    // 200×130 at 100: 100×65 → 128×96; at 128 it would be 128×83 → 128×96 too, at 90 it is 90×58 → 96×64.
    await model.detect(noise(200, 130), { ...options, imgsz: 90 });
    await model.detect(noise(200, 130), { ...options, imgsz: [32, 100] });
    expect(record.runs).toEqual(["1×3×64×96", "1×3×96×128"]);
    expect(warnings).toEqual([]);
  });

  it("warmup and memory round up as detect does, and know the task's own size", async () => {
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

  it("a classifier's imgsz is rounded up too", async () => {
    const { model, record } = recordedModel([openFile(fixturePath("cls.pt"))]);
    const warnings: string[] = [];
    const result = await model.detect(noise(50, 40), { imgsz: 100, onWarning: (w) => warnings.push(w) });
    expect(result).toBeInstanceOf(ClassificationResult);
    expect(record.runs).toEqual(["1×3×128×128"]);
    expect(warnings).toHaveLength(1);
  });
});

describe("lists and batches", () => {
  it("a list gives what its pictures give one by one, in order", async () => {
    const model = modelOf();
    const pictures = [noise(64, 64, 1), noise(70, 31, 2), noise(64, 64, 3)];
    const singles: unknown[] = [];
    for (const picture of pictures) singles.push(await model.detect(picture, LOW));
    expect(boxes(singles).flat().length).toBeGreaterThan(3);
    expect(boxes(singles)[0]).not.toEqual(boxes(singles)[2]);
    expect(boxes(await model.detect(pictures, LOW))).toEqual(boxes(singles));
    expect(await model.detect([], LOW)).toEqual([]);
    expect(await model.detect([], { ...LOW, fit: "autoshape" })).toEqual([]);
    const [only] = await model.detect([pictures[0]], LOW);
    expect(boxes([only])).toEqual([boxes(singles)[0]]);
    model.dispose();
  });

  it("batchSize changes the passes, not the results", async () => {
    const pictures = [1, 2, 3, 4, 5].map((seed) => noise(64, 48, seed));
    const model = modelOf();
    const expected = boxes(await model.detect(pictures, LOW));
    for (const batchSize of [2, 3, 8])
      expect(boxes(await model.detect(pictures, { ...LOW, batchSize }))).toEqual(expected);
    model.dispose();
  });

  it("only neighbours of one input size share a pass", async () => {
    const { model, record } = recordedModel();
    const pictures = [noise(64, 64), noise(60, 60), noise(64, 20), noise(64, 64), noise(64, 62), noise(60, 64)];
    await model.detect(pictures, { imgsz: 64, batchSize: 2 });
    expect(record.runs).toEqual(["2×3×64×64", "1×3×32×64", "2×3×64×64", "1×3×64×64"]);
  });

  it("stream gives a result a frame, from lists and from generators", async () => {
    const model = modelOf();
    async function* frames() {
      yield noise(64, 64, 1);
      yield noise(64, 32, 2);
    }
    const streamed: unknown[] = [];
    for await (const result of model.stream(frames(), LOW)) streamed.push(result);
    const listed = await model.detect([noise(64, 64, 1), noise(64, 32, 2)], LOW);
    expect(boxes(streamed)).toEqual(boxes(listed));
    model.dispose();
  });

  it("stream takes frames whose source uses one buffer for all", async () => {
    const model = modelOf();
    const pictures = Array.from({ length: 5 }, (_, i) => noise(64, 64, i + 1));
    const buffer = new Uint8Array(64 * 64 * 3);
    function* frames() {
      for (const { data, ...rest } of pictures) {
        buffer.set(data);
        yield { ...rest, data: buffer };
      }
    }
    const streamed: unknown[] = [];
    for await (const result of model.stream(frames(), LOW)) streamed.push(result);
    expect(boxes(streamed)).toEqual(boxes(await model.detect(pictures, LOW)));
    model.dispose();
  });

  it("stream keeps two frames under way, and can be left with one under way", async () => {
    const { model, record } = recordedModel([V6], 20);
    await model.warmup(64);
    const closed: string[] = [];
    function* frames() {
      try {
        for (let i = 0; i < 9; i++) yield noise(64, 64, i);
      } finally {
        closed.push("closed");
      }
    }
    const results = model.stream(frames(), { imgsz: 64 });
    const first = results.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(record.runs).toHaveLength(3);
    await first;
    await results.return(undefined);
    expect(closed).toEqual(["closed"]);
    model.dispose();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(record.runs.length).toBeLessThanOrEqual(4);
  });

  it("overlapping calls each get their own result", async () => {
    const model = modelOf();
    const pictures = Array.from({ length: 10 }, (_, i) => noise(40 + 8 * (i % 3), 64 - 6 * (i % 4), i + 1));
    const together = await Promise.all(pictures.map((picture) => model.detect(picture, LOW)));
    const alone: unknown[] = [];
    for (const picture of pictures) alone.push(await model.detect(picture, LOW));
    expect(boxes(together)).toEqual(boxes(alone));
    expect(new Set(boxes(alone).map((b) => JSON.stringify(b))).size).toBeGreaterThan(5);
    model.dispose();
  });
});

describe("raw pictures", () => {
  const red = { width: 2, height: 1 } as const;

  it.each<[string, RawPicture]>([
    ["rgb by length", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3) }],
    ["rgb", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3), channels: "rgb" }],
    ["3", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3), channels: 3 }],
    ["bgr", { ...red, data: Uint8Array.of(60, 30, 200, 3, 2, 1), channels: "bgr" }],
    ["rgba by length, alpha dropped", { ...red, data: Uint8ClampedArray.of(200, 30, 60, 0, 1, 2, 3, 255) }],
    ["bgra", { ...red, data: Uint8Array.of(60, 30, 200, 0, 3, 2, 1, 255), channels: "bgra" }],
    ["ImageData", { ...red, data: Uint8ClampedArray.of(200, 30, 60, 128, 1, 2, 3, 0), channels: 4 }],
  ])("%s", (_, picture) => {
    expect(rawToRgb(picture)).toEqual({ width: 2, height: 1, data: Uint8Array.of(200, 30, 60, 1, 2, 3) });
  });

  it("grey becomes three equal channels", () => {
    for (const channels of [undefined, 1, "grey"] as const) {
      const picture: RawPicture = { width: 1, height: 2, data: Uint8Array.of(7, 9), channels };
      expect([...rawToRgb(picture).data]).toEqual([7, 7, 7, 9, 9, 9]);
    }
  });

  it("bgr bytes and rgb bytes of one picture find the same", async () => {
    const model = modelOf();
    const rgb = noise(48, 40, 4);
    const swapped = rgb.data.slice();
    for (let i = 0; i < swapped.length; i += 3) [swapped[i], swapped[i + 2]] = [swapped[i + 2], swapped[i]];
    const found = await model.detect([rgb, { ...rgb, data: swapped, channels: "bgr" }, { ...rgb, data: swapped }], LOW);
    const [a, b, c] = boxes(found);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
    model.dispose();
  });

  it.each<[string, unknown, string]>([
    ["too few bytes", { ...red, data: new Uint8Array(5) }, "5 bytes do not fill 2×1 pixels of 1, 3 or 4 channels"],
    [
      "other channels than said",
      { ...red, data: new Uint8Array(6), channels: 4 },
      "6 bytes do not fill 2×1 pixels of 4",
    ],
    [
      "an unknown order",
      { ...red, data: new Uint8Array(6), channels: "constructor" },
      "pixels of constructor channels",
    ],
    ["no pixels", { width: 0, height: 4, data: new Uint8Array(0) }, "at least 1, got 0×4"],
    ["negative sides", { width: -1, height: -2, data: new Uint8Array(6) }, "at least 1, got -1×-2"],
    ["half pixels", { width: 1.5, height: 2, data: new Uint8Array(9) }, "at least 1, got 1.5×2"],
    [
      "floats",
      { ...red, data: new Float32Array(6) },
      "must be bytes (Uint8Array or Uint8ClampedArray), got Float32Array",
    ],
  ])("refuses %s", async (_, picture, message) => {
    expect(() => rawToRgb(picture as RawPicture)).toThrow(ImageError);
    expect(() => rawToRgb(picture as RawPicture)).toThrow(message);
    await expect(readPicture(picture, { decode: decodeImage })).rejects.toThrow(message);
  });

  it("readPicture leaves other sources to the platform", async () => {
    for (const source of ["a.jpg", 7, null, undefined, {}]) {
      expect(await readPicture(source, { decode: decodeImage })).toBeUndefined();
    }
  });
});

describe("options", () => {
  it("have detect.py's defaults and both styles of names", () => {
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

  it("classes, maxDet and conf reach NMS", async () => {
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

describe("ensembles", () => {
  it("of one model twice finds what the model finds, and gives all rows raw", async () => {
    const single = modelOf();
    const double = modelOf([V6, V6]);
    const picture = noise(64, 64, 2);
    expect(boxes([await double.detect(picture, LOW)])).toEqual(boxes([await single.detect(picture, LOW)]));
    const input = tensor("float32", [1, 3, 64, 64], new Float32Array(3 * 4096).fill(0.4));
    const [[once], [twice]] = [await single.forward(input), await double.forward(input)];
    expect(twice.shape).toEqual([1, once.shape[1] * 2, once.shape[2]]);
    expect(twice.data.slice(once.data.length)).toEqual(once.data);
    single.dispose();
    double.dispose();
  });

  it("needs the same classes and detection models, and at least one", () => {
    const renamed = (name: string): OpenedModel => ({
      ...V6,
      module: { ...V6.module, attributes: new Map([...V6.module.attributes, ["names", ["x", name, "z"]]]) },
    });
    expect(() => modelOf([renamed("y"), renamed("w")])).toThrow(
      'ensemble: class 1 is "w" in 1.pt and "y" in 0.pt; use models of one dataset',
    );
    expect(() => modelOf([V6, openFile(fixturePath("cls.pt"))])).toThrow(OptionError);
    const segment = openFile(fixturePath("seg.pt"));
    expect(() => modelOf([segment, segment])).toThrow(UnsupportedError);
    expect(() => modelOf([segment, segment])).toThrow("0.pt is a segment model; only detection models can be combined");
    expect(() => modelOf([])).toThrow("a model needs at least one checkpoint");
  });

  it("takes the largest stride of its members", async () => {
    const backend = recordingBackend();
    const model = modelOf([randomModel("yolov5n"), randomModel("yolov5n6")], backend.backend);
    expect(model.info.stride).toBe(64);
    await model.detect(noise(128, 72), { imgsz: 128 });
    expect(backend.record.runs).toEqual(["1×3×128×128", "1×3×128×128"]);
  });
});

describe("test-time augmentation", () => {
  it("runs three scales and merges them", async () => {
    const { model, record } = recordedModel();
    await model.detect(noise(128, 128), { imgsz: 128, augment: true });
    // 0.83 × 128 = 106.2 → 128, 0.67 × 128 = 85.8 → 96
    expect(record.runs).toEqual(["1×3×128×128", "1×3×128×128", "1×3×96×96"]);
  });

  it("pads scaled inputs to the model's own largest stride, which may be 16", async () => {
    const { model, record } = recordedModel([{ ...V6, module: smallModel() }]);
    expect(model.info.strides).toEqual([8, 16]);
    expect(model.info.stride).toBe(32);
    await model.detect(noise(128, 128), { imgsz: 128, augment: true });
    expect(record.runs).toEqual(["1×3×128×128", "1×3×112×112", "1×3×96×96"]);
  });

  it("is ignored for other tasks, saying so", async () => {
    for (const [file, task] of [
      ["seg.pt", "segment"],
      ["cls.pt", "classify"],
    ]) {
      const { model, record } = recordedModel([openFile(fixturePath(file))]);
      const warnings: string[] = [];
      await model.detect([noise(64, 64), noise(64, 64)], {
        imgsz: 64,
        augment: true,
        onWarning: (w) => warnings.push(w),
      });
      expect(warnings).toEqual([
        `augment is ignored: test-time augmentation is for detection, but this is a ${task} model`,
      ]);
      expect(record.runs).toHaveLength(2);
    }
  });
});

describe("results and life", () => {
  it("tells source, sizes, names and speed", async () => {
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

  it("taps, profiles and forwards through the first member", async () => {
    const model = modelOf();
    const input = tensor("float32", [1, 3, 32, 32]);
    expect((await model.tap(["model.0"], input)).get("model.0")?.shape).toEqual([1, 8, 16, 16]);
    expect((await model.profile(input)).length).toBeGreaterThan(50);
    await expect(model.tap(["model.0"], tensor("float32", [1, 3, 30, 32]))).rejects.toThrow(ShapeError);
    await expect(model.forward(tensor("float32", [3, 32, 32]))).rejects.toThrow("input must be float32 N×3×H×W");
    model.dispose();
  });

  it("after dispose every call throws DisposedError; the backend is gone; twice is fine", async () => {
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

  it("a disposed model settles calls under way", async () => {
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
