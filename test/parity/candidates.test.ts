/** Candidates chosen on the device give the very boxes that the whole prediction gives, with trained models and pictures. */

import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { ComputeDType } from "../../src/runtime/backend.js";
import type { WebGpuBackend } from "../../src/runtime/webgpu/index.js";
import { Ensemble } from "../../src/yolov5/ensemble.js";
import type { Picture } from "../../src/yolov5/input/pictures.js";
import { Preprocessor } from "../../src/yolov5/input/preprocess.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { resolveOptions } from "../../src/yolov5/options.js";
import { nonMaxSuppression, suppressRows } from "../../src/yolov5/output/nms/nms.js";
import { type NmsOptions, resolveNmsOptions } from "../../src/yolov5/output/nms/nmsOptions.js";
import { allOr, FULL } from "../support/full.js";
import { referenceMissing } from "../support/reference.js";
import { openBackend, webgpuOrSkip } from "../support/webgpu.js";
import { checkpointOf, pictureNamed, readReference } from "./support/references.js";

const gpu = await webgpuOrSkip();

/** `detect`'s thresholds, and those of `val`. */
const OPTIONS: readonly (NmsOptions & { readonly conf: number })[] = [
  { conf: 0.25 },
  { conf: 0.5, agnostic: true, classes: [0] },
  { conf: 0.001, iou: 0.6, maxDet: 300, multiLabel: true },
];

describe.skipIf(!gpu || referenceMissing("weights"))("candidates", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  /** Those that the first model was recorded with. */
  const picturesOf = ([name]: readonly string[]): Promise<Picture[]> => {
    const files = [...new Set(readReference(name).runs.map(({ image }) => image))];
    return Promise.all(
      files.slice(0, FULL ? 4 : 1).map(async (file) => ({
        image: await decodeImage(new Uint8Array(readFileSync(pictureNamed(file)))),
      })),
    );
  };

  function modelOf(names: readonly string[], dtype: ComputeDType): Model<Picture> {
    const members = names.map((name) => {
      const path = checkpointOf(name);
      return createMember(openModel(new Uint8Array(readFileSync(path)), { path }), backend, { path, dtype });
    });
    return new Model(new LocalRunner<Picture>(members, backend, async (picture) => picture));
  }

  type Case = readonly [names: readonly string[], dtype: ComputeDType];
  const SOME: readonly Case[] = [
    [["yolov5n"], "float32"],
    [["zoo-p6"], "float16"],
  ];
  const MORE: readonly Case[] = [
    [["yolov5n"], "float16"],
    [["zoo-seg"], "float32"],
    [["dna"], "float32"],
    [["yolov5n", "yolov5n-7"], "float32"],
  ];
  it.for(allOr([...SOME, ...MORE], SOME))("of %s in %s", async ([names, dtype], { skip }) => {
    const missing = names.find((name) => !existsSync(checkpointOf(name)));
    if (missing) return skip(`no checkpoint ${missing}`);
    if (dtype === "float16" && !backend.capabilities.dtypes.includes("float16")) return skip("no float16 here");
    const model = modelOf(names, dtype);
    const { maskCoefficients } = model.info;
    const [preprocessor, ensemble] = [new Preprocessor(model.info, backend), new Ensemble(model.members)];
    let boxes = 0;
    for (const picture of await picturesOf(names)) {
      const input = preprocessor.input(
        preprocessor.plan([picture], resolveOptions({}, model.info)).map(({ make }) => make()),
      );
      const [prediction, ...others] = await ensemble.infer(input, { augment: false });
      // May find more than there is room for at first.
      await model.detect(picture);
      const before = backend.counters();
      const detected = await model.detect(picture);
      const after = backend.counters();
      expect(after.submits - before.submits).toBe(names.length);
      expect(after.bytesRead - before.bytesRead).toBeLessThan(
        prediction.data.byteLength + (others[0]?.data.byteLength ?? 0),
      );
      expect("detections" in detected && detected.detections).toHaveLength(
        nonMaxSuppression(prediction, { maskCoefficients })[0].length,
      );
      for (const options of OPTIONS) {
        const found = await model.inferRows(input, options);
        const kept = suppressRows(found.candidates, resolveNmsOptions(options), { maskCoefficients });
        // Rows and coefficients too, all to the last bit.
        expect(kept).toEqual(nonMaxSuppression(prediction, { ...options, maskCoefficients }));
        expect(found.others).toEqual(names.length === 1 ? others : []);
        boxes += kept[0].length;
      }
    }
    expect(boxes).toBeGreaterThan(0);
    for (const { network } of model.members) network.dispose();
  });
});
