/**
 * What a GPU gets (tiled kernels with the estimated tiles, SPPF's pools in one, pictures resized on the device), on whatever adapter
 * is here: layers and boxes are PyTorch's. Emulated adapters take minutes for it, most of them to compile pipelines with shapes baked in:
 * part of the long suite; `test/runtime/webgpu/poolChains.test.ts` has a tiny network for the short one.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { WebGpuBackend } from "../../src/runtime/webgpu/index.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { FULL } from "../support/full.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { openBackend, webgpuOrSkip } from "../support/webgpu.js";
import { TRAINED, ZOO } from "./support/architectures.js";
import { checkpointOf, differences, optionsOf, pictureNamed, readReference } from "./support/references.js";

const NAMES: readonly string[] = [...TRAINED, ...ZOO].filter((name) => existsSync(checkpointOf(name)));
if (!FULL) console.warn("skipped: kernels for GPUs on whole checkpoints run with YOLOV5_FULL=1 only");

describe.skipIf(!FULL || referenceMissing("reference"))("kernels for GPUs", () => {
  let backend: WebGpuBackend | undefined;
  beforeAll(async () => {
    const gpu = await webgpuOrSkip();
    backend = gpu && (await openBackend(gpu, { asHardware: true }));
  });
  afterAll(() => backend?.dispose());

  it.for(NAMES)("%s", { timeout: 900_000 }, async (name, { skip }) => {
    if (!backend) return skip("no such device");
    expect(backend.software).toBe(false);
    const path = checkpointOf(name);
    const opened = openModel(new Uint8Array(readFileSync(path)), { path });
    const model = new Model(
      new LocalRunner<string>([createMember(opened, backend, { path })], backend, async (file) => ({
        image: await decodeImage(new Uint8Array(readFileSync(file)), { path: file }),
        source: file,
      })),
    );
    const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", `${name}.layers.safetensors`)));
    const { layers } = await verifyModel(model, reference);
    expect(layers.filter(({ ok }) => !ok)).toEqual([]);
    const trained = TRAINED.find((other) => other === name);
    if (trained) {
      const [run] = readReference(trained).runs;
      const result = (await model.detect(pictureNamed(run.image), optionsOf(run))) as DetectionResult;
      expect(differences(result.detections, run.detections ?? [])).toEqual([]);
    }
    model.members[0].network.dispose();
  });
});
