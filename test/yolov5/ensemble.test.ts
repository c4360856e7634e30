/** Ensembles and test-time augmentation. */

import { describe, expect, it } from "vitest";
import { OptionError, UnsupportedError } from "../../src/errors.js";
import { tensor } from "../../src/tensor/index.js";
import { type OpenedModel, randomModel } from "../../src/yolov5/loadModel.js";
import { boxes, LOW, modelOf, noise, recordedModel, V6 } from "./recordedModel.js";
import { recordingBackend } from "./recordingBackend.js";
import { fixturePath, openFile, smallModel } from "./trees.js";

describe("ensembles", () => {
  it("of one model twice find the same boxes as the model, and return all raw rows", async () => {
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

  it("need at least one model, and only detection models with the same classes", () => {
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

  it("use the largest stride of their members", async () => {
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

  it("pads scaled inputs to the model's largest stride, which may be 16", async () => {
    const { model, record } = recordedModel([{ ...V6, module: smallModel() }]);
    expect(model.info.strides).toEqual([8, 16]);
    expect(model.info.stride).toBe(32);
    await model.detect(noise(128, 128), { imgsz: 128, augment: true });
    expect(record.runs).toEqual(["1×3×128×128", "1×3×112×112", "1×3×96×96"]);
  });

  it("is ignored for other tasks, with a note", async () => {
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
