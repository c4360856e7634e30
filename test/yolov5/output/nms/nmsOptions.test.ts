/** Options of suppression are checked by one function, whoever suppresses: `detect`, `nonMaxSuppression`, `evaluate`. */

import { describe, expect, it } from "vitest";
import { OptionError } from "../../../../src/errors.js";
import type { EvaluationModel } from "../../../../src/eval/model.js";
import { evaluate } from "../../../../src/eval/onDemand.js";
import { tensor } from "../../../../src/tensor/index.js";
import { resolveOptions } from "../../../../src/yolov5/options.js";
import { nonMaxSuppression } from "../../../../src/yolov5/output/nms/nms.js";
import { resolveNmsOptions } from "../../../../src/yolov5/output/nms/nmsOptions.js";

const REFUSED: readonly (readonly [object, RegExp])[] = [
  [{ conf: 1.5 }, /^conf must be between 0 and 1, got 1\.5$/],
  [{ conf: Number.NaN }, /^conf must be between 0 and 1, got NaN$/],
  [{ conf: "0.5" }, /^conf must be between 0 and 1, got "0\.5"$/],
  [{ iou: -0.1 }, /^iou must be between 0 and 1, got -0\.1$/],
  [{ maxDet: 0 }, /^maxDet must be a whole number of at least 1, got 0$/],
  [{ maxDet: 2.5 }, /^maxDet must be a whole number of at least 1, got 2\.5$/],
  [{ classes: 1 }, /^classes must be a list of class indices, such as \[0\], got 1$/],
  [{ classes: [-1] }, /^classes: -1 is not a class/],
  [{ classes: [0.5] }, /^classes: 0\.5 is not a class/],
  [{ agnostic: "yes" }, /^agnostic must be true or false, got "yes"$/],
  [{ multiLabel: 1 }, /^multiLabel must be true or false, got 1$/],
];

describe("options of NMS", () => {
  it.each(REFUSED)("%j are refused everywhere", (options, message) => {
    const prediction = tensor("float32", [1, 0, 6]);
    for (const use of [
      () => resolveNmsOptions(options),
      () => nonMaxSuppression(prediction, options),
      () => resolveOptions(options, { classes: 80 }),
    ]) {
      expect(use).toThrow(OptionError);
      expect(use).toThrow(message);
    }
  });

  it("default to those of detect.py", () => {
    const defaults = { conf: 0.25, iou: 0.45, maxDet: 1000, classes: undefined, agnostic: false, multiLabel: false };
    expect(resolveNmsOptions({})).toEqual(defaults);
    expect(resolveOptions({}, { classes: 80 })).toMatchObject(defaults);
  });

  it("may have v7.0's names", () => {
    const given = { confThres: 0.1, iouThres: 0.2, agnosticNms: true };
    expect(resolveOptions(given, { classes: 80 })).toMatchObject({ conf: 0.1, iou: 0.2, agnostic: true });
  });

  it("are checked against the classes of a model", () => {
    expect(() => resolveOptions({ classes: [80] }, { classes: 80 })).toThrow(
      /^classes: 80 is not a class of this model, .* 0 to 79$/,
    );
    expect(resolveNmsOptions({ classes: [80] }).classes).toEqual([80]);
  });

  it("are refused by evaluate before a picture is read", async () => {
    const model: EvaluationModel = {
      info: {
        path: "m",
        task: "detect",
        names: ["a"],
        classes: 1,
        stride: 32,
        defaultImgsz: [64],
        maskCoefficients: 0,
      },
      inferRows: () => Promise.reject(new Error("ran")),
    } as never;
    const load = (): Promise<never> => Promise.reject(new Error("read"));
    const truth = { classes: new Int32Array(0), boxes: new Float32Array(0) };
    const sample = { name: "a.png", size: [64, 64], truth, load };
    const dataset = { name: "d", names: ["a"], samples: [sample], excluded: [] };
    await expect(evaluate(model, dataset as never, { iou: 7 })).rejects.toThrow(/^iou must be between 0 and 1, got 7$/);
  });
});
