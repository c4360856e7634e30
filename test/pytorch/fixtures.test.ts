/** The committed fixtures, made by the PyTorch twin in this folder: every layer and every detection, on all backends. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PictureSource } from "../../src/api/sources.js";
import { openBackend } from "../../src/node/backends.js";
import { readPictureSource } from "../../src/node/pictures/pictureSource.js";
import type { Backend } from "../../src/runtime/backend.js";
import { letterbox } from "../../src/yolov5/input/letterbox.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import type { DetectOptions } from "../../src/yolov5/options.js";
import { ClassificationResult, type DetectionResult } from "../../src/yolov5/output/results.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { REPOSITORY } from "../support/reference.js";

const FIXTURES = join(REPOSITORY, "test", "fixtures", "pytorch");
const PICTURE = join(FIXTURES, "picture.png");

/** Checkpoints by the name of their references. */
const WEIGHTS: Readonly<Record<string, string>> = {
  v6: join(FIXTURES, "v6.pt"),
  csp: join(FIXTURES, "csp.pt"),
  assorted: join(FIXTURES, "assorted.pt"),
  seg: join(FIXTURES, "seg.pt"),
  cls: join(FIXTURES, "cls.pt"),
  "v8-seg": join(FIXTURES, "v8-seg.pt"),
  "11-pose": join(FIXTURES, "11-pose.pt"),
  "26": join(FIXTURES, "26.pt"),
  codes: join(REPOSITORY, "models", "codes.safetensors"),
};

interface ExpectedDetection {
  readonly box: readonly number[];
  readonly score: number;
  readonly cls: number;
  readonly name: string;
}

interface ExpectedRun {
  readonly size: number;
  readonly rect: boolean;
  readonly conf: number;
  readonly iou: number;
  readonly input: readonly number[];
  readonly letterboxed_sha256: string;
  readonly options: {
    readonly max_det: number;
    readonly agnostic?: boolean;
    readonly multi_label?: boolean;
    readonly classes?: readonly number[];
  };
  readonly detections: readonly ExpectedDetection[];
}

interface ExpectedClasses {
  readonly size: number;
  readonly top5: readonly { readonly cls: number; readonly name: string; readonly prob: number }[];
}

function expected<T>(name: string): readonly T[] {
  return (JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), "utf8")) as { runs: readonly T[] }).runs;
}

function optionsOf(run: ExpectedRun): DetectOptions {
  const { max_det: maxDet, agnostic, multi_label: multiLabel, classes } = run.options;
  const { conf, iou, rect } = run;
  return { imgsz: run.size, conf, iou, fit: rect ? "rect" : "square", maxDet, agnostic, multiLabel, classes };
}

/** Same classes and counts, boxes within 0.05 px, scores within 2e-4; neighbours in score may change places. */
function expectDetections(actual: DetectionResult["detections"], wanted: readonly ExpectedDetection[]): void {
  expect(actual).toHaveLength(wanted.length);
  const left = [...actual];
  for (const { box, score, cls, name } of wanted) {
    const index = left.findIndex(
      (d) =>
        d.class === cls &&
        d.name === name &&
        Math.abs(d.confidence - score) <= 2e-4 &&
        [d.xmin, d.ymin, d.xmax, d.ymax].every((v, i) => Math.abs(v - box[i]) <= 0.05),
    );
    expect(index, `${name} at ${box} (${score}) among ${JSON.stringify(left.slice(0, 3))} …`).toBeGreaterThanOrEqual(0);
    left.splice(index, 1);
  }
}

test("the letterboxed bytes equal those of cv2", async () => {
  const { image } = await readPictureSource(PICTURE);
  for (const run of expected<ExpectedRun>("v6")) {
    const fitted = letterbox(image, { size: [run.size, run.size], stride: 32, auto: run.rect }).image;
    expect([1, 3, fitted.height, fitted.width]).toEqual(run.input);
    expect(createHash("sha256").update(fitted.data).digest("hex")).toBe(run.letterboxed_sha256);
  }
});

describe.each(["cpu", "wasm", "webgpu"] as const)("PyTorch's answers on %s", (choice) => {
  let backend: Backend | undefined;
  let missing = "";

  beforeAll(async () => {
    try {
      backend = await openBackend(choice);
    } catch (error) {
      if (choice !== "webgpu" || process.env.REQUIRE_WEBGPU) throw error;
      missing = (error as Error).message;
      console.warn(`skipped: ${missing}`);
    }
  });
  afterAll(() => backend?.dispose());

  function modelOf(name: string): Model<PictureSource> | undefined {
    if (!backend) return undefined;
    const path = WEIGHTS[name];
    const opened = openModel(readFileSync(path), { path });
    return new Model(new LocalRunner([createMember(opened, backend, { path })], backend, readPictureSource));
  }

  test.each(Object.keys(WEIGHTS))("every layer of %s", async (name) => {
    const model = modelOf(name);
    if (!model) return expect(missing).not.toBe("");
    const reference = readFileSync(join(FIXTURES, `${name}.layers.safetensors`));
    const { layers, firstDiverging } = await verifyModel(model, reference);
    const diverging = layers.filter(({ ok }) => !ok).map((l) => `${l.name} ${l.nmse.toExponential(1)} ${l.maxAbs}`);
    expect(diverging).toEqual([]);
    expect(firstDiverging).toBeNull();
    expect(layers.length).toBeGreaterThanOrEqual(9);
  });

  test.each(["v6", "csp", "assorted", "seg"])("detections of %s", async (name) => {
    const model = modelOf(name);
    if (!model) return expect(missing).not.toBe("");
    for (const run of expected<ExpectedRun>(name)) {
      const result = (await model.detect(PICTURE, optionsOf(run))) as DetectionResult;
      expect(result.input).toEqual(run.input);
      expectDetections(result.detections, run.detections);
    }
  });

  test("classes of the classifier", async () => {
    const model = modelOf("cls");
    if (!model) return expect(missing).not.toBe("");
    for (const run of expected<ExpectedClasses>("cls")) {
      const result = await model.detect(PICTURE, { imgsz: run.size });
      if (!(result instanceof ClassificationResult)) throw new Error(`a classification model gave ${result}`);
      expect(result.top5.map((c) => c.class)).toEqual(run.top5.map((c) => c.cls));
      result.top5.forEach((c, i) => {
        expect(Math.abs(c.confidence - run.top5[i].prob)).toBeLessThan(1e-4);
      });
    }
  });
});
