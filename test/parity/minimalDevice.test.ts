/** A WebGPU device with no more than the limits and features that the specification guarantees runs every architecture. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WebGpuBackend } from "../../src/runtime/webgpu/index.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { openBackend, webgpuOrSkip } from "../support/webgpu.js";
import { ZOO } from "./support/architectures.js";
import { checkpointOf } from "./support/references.js";

describe.skipIf(referenceMissing("weights", "zoo"))("a minimal WebGPU device", () => {
  let backend: WebGpuBackend | undefined;
  beforeAll(async () => {
    const gpu = await webgpuOrSkip();
    backend = gpu && (await openBackend(gpu, { minimal: true }));
  });
  afterAll(() => backend?.dispose());

  it("has only the limits that the specification guarantees", ({ skip }) => {
    if (!backend) return skip("no such device");
    const { limits, features } = backend.device;
    expect(limits.maxStorageBufferBindingSize).toBe(134217728);
    expect(limits.maxComputeInvocationsPerWorkgroup).toBe(256);
    expect(limits.maxStorageBuffersPerShaderStage).toBeLessThanOrEqual(8);
    expect(features.has("shader-f16")).toBe(false);
    expect(features.has("subgroups")).toBe(false);
  });

  it.for([...ZOO, "yolov5n"])("%s", async (name, { skip }) => {
    if (!backend) return skip("no such device");
    const path = checkpointOf(name);
    const opened = openModel(new Uint8Array(readFileSync(path)), { path });
    const model = new Model(
      new LocalRunner<never>([createMember(opened, backend, { path })], backend, () =>
        Promise.reject(new Error("no pictures")),
      ),
    );
    const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", `${name}.layers.safetensors`)));
    const { layers } = await verifyModel(model, reference);
    model.members[0].network.dispose();
    expect(layers.filter(({ nmse }) => !(nmse <= 1e-8)).map((layer) => `${layer.name} ${layer.nmse}`)).toEqual([]);
  });
});
