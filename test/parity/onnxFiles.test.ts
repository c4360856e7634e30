/**
 * ONNX exports give what the checkpoints give that they were exported from: layer by layer against PyTorch, and box by
 * box at their own input size and at another.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClassificationResult, DetectionResult, DetectOptions } from "../../src/common.js";
import { decodeImage } from "../../src/image/index.js";
import { readOnnxFile } from "../../src/node/onnxFile.js";
import type { Backend } from "../../src/runtime/backend.js";
import type { HostTensor } from "../../src/tensor/index.js";
import { devicePicturesToTensor } from "../../src/yolov5/input/letterbox.js";
import { Preprocessor } from "../../src/yolov5/input/preprocess.js";
import { createMember, openModelFile } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { parityBackends } from "../support/backends.js";
import { allOr } from "../support/full.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { differences, pictureNamed, type ReferenceDetection, SCORE_TOLERANCE } from "./support/references.js";
import { differencesBeyondRounding } from "./support/rounding.js";

interface Exported {
  /** The checkpoint, in `weights`. */
  readonly checkpoint: string;
  /** Name of PyTorch's recorded layers, if there are any. */
  readonly layers?: string;
  readonly size: number;
  readonly other: number;
  readonly picture: string;
}

const FILES: Readonly<Record<string, Exported>> = {
  yolov5n: { checkpoint: "yolov5n", layers: "yolov5n", size: 640, other: 320, picture: "bus.jpg" },
  crops: {
    checkpoint: "crops",
    layers: "crops",
    size: 320,
    other: 416,
    picture: "banana_104_jpg.rf.0c2adab35f8c2e1c73e56b3170f74c69.jpg",
  },
  "poses-cls": { checkpoint: "poses-cls", size: 224, other: 160, picture: "zidane.jpg" },
  "zoo-seg": { checkpoint: "zoo/seg", layers: "zoo-seg", size: 256, other: 320, picture: "bus.jpg" },
  "zoo-p6": { checkpoint: "zoo/p6", layers: "zoo-p6", size: 320, other: 256, picture: "bus.jpg" },
  v5u: anchorFree("v5u"),
  v8: anchorFree("v8"),
  "v8-seg": anchorFree("v8-seg"),
  "26": anchorFree("26"),
};

function anchorFree(name: string): Exported {
  const path = `anchor-free/${name}`;
  return { checkpoint: path, layers: path, size: 256, other: 320, picture: "bus.jpg" };
}

/** The reference takes seconds per picture. */
const SMALL = new Set(allOr(["poses-cls", "zoo-seg", "v8", "26"], ["poses-cls", "zoo-seg"]));

const read = async (file: string) => ({ image: await decodeImage(new Uint8Array(readFileSync(file))), source: file });

async function open(path: string, backend: Backend): Promise<Model<string>> {
  const bytes = new Uint8Array(readFileSync(path));
  const opened = await openModelFile(bytes, { path, readOnnx: readOnnxFile(path) });
  return new Model(new LocalRunner<string>([createMember(opened, backend, { path })], backend, read));
}

const asReference = ({ detections }: DetectionResult): ReferenceDetection[] =>
  detections.map(({ xmin, ymin, xmax, ymax, confidence, class: cls, name }) => ({
    box: [xmin, ymin, xmax, ymax],
    score: confidence,
    cls,
    name,
  }));

describe.skipIf(referenceMissing("weights", "onnx"))("ONNX exports", () => {
  for (const { name: backendName, open: openBackend } of parityBackends()) {
    const names = Object.keys(FILES).filter((name) => backendName !== "cpu" || SMALL.has(name));
    describe(backendName, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await openBackend();
      });
      afterAll(() => backend?.dispose());

      it.for(names.filter((name) => FILES[name].layers))("%s: the same layers as PyTorch", async (name, { skip }) => {
        if (!backend) return skip("no such device");
        const model = await open(join(REFERENCE, "weights/onnx", `${name}.onnx`), backend);
        const reference = join(REFERENCE, "reference", `${FILES[name].layers}.layers.safetensors`);
        const { layers, firstDiverging } = await verifyModel(model, new Uint8Array(readFileSync(reference)));
        model.members[0].network.dispose();
        expect(layers.length).toBeGreaterThan(3);
        expect(firstDiverging).toBeNull();
      });

      it.for(names)("%s: the same boxes as the checkpoint", async (name, { skip }) => {
        if (!backend) return skip("no such device");
        const { checkpoint, size, other, picture } = FILES[name];
        const exported = await open(join(REFERENCE, "weights/onnx", `${name}.onnx`), backend);
        const original = await open(join(REFERENCE, "weights", `${checkpoint}.pt`), backend);
        const facts = ({ info }: Model<string>) => {
          const { task, names: classes, strides, anchors, family, endToEnd, maskCoefficients } = info;
          return { task, classes, strides, anchors, family, endToEnd, maskCoefficients };
        };
        expect(facts(exported)).toEqual(facts(original));
        for (const imgsz of [size, other]) {
          const options: DetectOptions = { imgsz };
          const [found, wanted] = [
            await exported.detect(pictureNamed(picture), options),
            await original.detect(pictureNamed(picture), options),
          ];
          if (exported.task === "classify") {
            expectSameClasses(found as ClassificationResult, wanted as ClassificationResult);
            continue;
          }
          const boxes = asReference(wanted as DetectionResult);
          expect(boxes.length, `${imgsz}`).toBeGreaterThan(0);
          const result = found as DetectionResult;
          if (backendName !== "cpu") expect(differences(result.detections, boxes), `${imgsz}`).toEqual([]);
          else await expectUpToRounding([exported, original], result, boxes, backend);
        }
        for (const { members } of [exported, original]) members[0].network.dispose();
      });
    });
  }
});

/**
 * The reference runs the checkpoint's BatchNorm unfused in float64, while exporters fuse it in float32, which networks of
 * random weights amplify: a box that differs must be in the raw prediction.
 */
async function expectUpToRounding(
  [exported, original]: readonly [exported: Model<string>, original: Model<string>],
  result: DetectionResult,
  boxes: readonly ReferenceDetection[],
  backend: Backend,
): Promise<void> {
  const { info } = exported;
  const picture = await read(result.source ?? "");
  const options = resolveOptions({ imgsz: [result.input[2], result.input[3]] }, info);
  const preprocessor = new Preprocessor(info, backend);
  const input = preprocessor.input(preprocessor.plan([picture], options).map(({ make }) => make()));
  const tensor = input.inputs
    ? input.inputs[0]
    : devicePicturesToTensor(input.pictures, [input.shape[2], input.shape[3]]);
  const rowsOf = async (model: Model<string>): Promise<HostTensor> => {
    const [rows] = (await model.tap([`model.${info.layers - 1}`], tensor)).values();
    return rows;
  };
  const report = await differencesBeyondRounding(result.detections, boxes, {
    prediction: await rowsOf(exported),
    other: () => rowsOf(original),
    input: input.shape,
    original: result,
    info,
    ...options,
  });
  expect(report.unexplained).toEqual([]);
  expect(report.flipped).toBeLessThanOrEqual(Math.ceil(boxes.length * 0.03));
}

function expectSameClasses({ top5: found }: ClassificationResult, { top5: wanted }: ClassificationResult): void {
  expect(found.map((score) => score.class)).toEqual(wanted.map((score) => score.class));
  for (const [i, { confidence }] of wanted.entries()) {
    expect(Math.abs(found[i].confidence - confidence)).toBeLessThanOrEqual(SCORE_TOLERANCE);
  }
}
