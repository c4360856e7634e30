/** Whole networks on the gpu.js backend against PyTorch: every layer and every detection. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PictureSource } from "../../../src/api/sources.js";
import { openBackend } from "../../../src/node/backends.js";
import { readPictureSource } from "../../../src/node/pictures/pictureSource.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { createMember, openModel } from "../../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../../src/yolov5/localRunner.js";
import { Model } from "../../../src/yolov5/model.js";
import type { DetectionResult } from "../../../src/yolov5/output/results.js";
import { verifyModel } from "../../../src/yolov5/verify.js";
import { TRAINED, ZOO } from "../../parity/support/architectures.js";
import { checkpointOf, differences, optionsOf, pictureNamed, readReference } from "../../parity/support/references.js";
import { FULL } from "../../support/full.js";
import { REFERENCE, REPOSITORY, referenceMissing } from "../../support/reference.js";

const FIXTURES = join(REPOSITORY, "test", "fixtures", "pytorch");
const fixture = (name: string): string =>
  name === "codes" ? join(REPOSITORY, "models", "codes.safetensors") : join(FIXTURES, `${name}.pt`);

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend("gpujs");
});
afterAll(() => backend.dispose());

function modelAt(path: string): Model<PictureSource> {
  const opened = openModel(readFileSync(path), { path });
  return new Model(new LocalRunner([createMember(opened, backend, { path })], backend, readPictureSource));
}

async function expectLayers(path: string, reference: string): Promise<void> {
  const model = modelAt(path);
  const { layers, firstDiverging } = await verifyModel(model, readFileSync(reference), { nmse: 1e-8 });
  expect(layers.filter(({ ok }) => !ok)).toEqual([]);
  expect(firstDiverging).toBeNull();
  expect(layers.length).toBeGreaterThanOrEqual(9);
  model.members[0].network.dispose();
}

test("the adapter's name says what it runs on", () => {
  expect(backend.name).toBe("gpujs");
  expect(backend.adapter).toBe("gpu.js webasm");
  expect(backend.software).toBe(true);
});

describe("committed fixtures", () => {
  test.each(["v6", "csp", "assorted", "seg", "cls", "v8-seg", "11-pose", "26", "codes"])(
    "every layer of %s",
    async (name) => {
      await expectLayers(fixture(name), join(FIXTURES, `${name}.layers.safetensors`));
    },
  );
});

describe.skipIf(!FULL || referenceMissing("reference"))("reference material", () => {
  test.each([...TRAINED, ...ZOO].filter((name) => existsSync(checkpointOf(name))))(
    "every layer of %s",
    async (name) => {
      await expectLayers(checkpointOf(name), join(REFERENCE, "reference", `${name}.layers.safetensors`));
    },
  );

  test("boxes of yolov5n", async () => {
    const model = modelAt(checkpointOf("yolov5n"));
    const [run] = readReference("yolov5n").runs;
    const { detections } = (await model.detect(pictureNamed(run.image), optionsOf(run))) as DetectionResult;
    expect(run.detections?.length).toBeGreaterThan(0);
    expect(differences(detections, run.detections ?? [])).toEqual([]);
  });
});
