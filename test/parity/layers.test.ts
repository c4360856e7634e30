/** Every layer of every recorded checkpoint against PyTorch, on each backend. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { parityBackends } from "../support/backends.js";
import { REFERENCE, referenceMissing } from "../support/reference.js";
import { TRAINED } from "./support/architectures.js";
import { checkpointOf } from "./support/references.js";

/** Trained checkpoints: boxes within 0.01 px, scores within 1e-4, NMSE ≤ 1e-9 at every layer. */

async function verifyNamed(name: string, backend: Backend) {
  const path = checkpointOf(name);
  const opened = openModel(new Uint8Array(readFileSync(path)), { path });
  const model = new Model(
    new LocalRunner<never>([createMember(opened, backend, { path })], backend, () =>
      Promise.reject(new Error("no pictures")),
    ),
  );
  const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", `${name}.layers.safetensors`)));
  const result = await verifyModel(model, reference, {}, `${name}.layers.safetensors`);
  model.members[0].network.dispose();
  return result;
}

describe.skipIf(referenceMissing("reference"))("layers equal PyTorch's", () => {
  for (const { name: backendName, open } of parityBackends()) {
    describe(backendName, () => {
      let backend: Backend | undefined;
      beforeAll(async () => {
        backend = await open();
      });
      afterAll(() => backend?.dispose());

      it.for(TRAINED.filter((name) => existsSync(checkpointOf(name))))("%s", async (name, { skip }) => {
        if (!backend) return skip("no such device");
        const result = await verifyNamed(name, backend);
        expect(result.firstDiverging).toBeNull();
        for (const { name: layer, nmse } of result.layers) {
          if (layer !== "prediction") expect(nmse, layer).toBeLessThanOrEqual(1e-9);
        }
        expect(result.layers.length).toBeGreaterThan(20);
        expect(result.layers.find(({ name: layer }) => layer === "prediction")?.maxAbs).toBeLessThanOrEqual(0.01);
      });
    });
  }

  it("names the first layer that diverges when one weight is wrong", async () => {
    const backend = createCpuBackend();
    const path = checkpointOf("crops");
    const opened = openModel(new Uint8Array(readFileSync(path)), { path });
    const conv = opened.module.children.get("model")?.children.get("5")?.children.get("conv")?.parameters.get("weight");
    // float16 storage: flip the sign of one weight of model.5.
    (conv?.data as Uint16Array)[0] ^= 0x8000;
    const model = new Model(
      new LocalRunner<never>([createMember(opened, backend, { path })], backend, () =>
        Promise.reject(new Error("no pictures")),
      ),
    );
    const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", "crops.layers.safetensors")));
    const result = await verifyModel(model, reference);
    expect(result.ok).toBe(false);
    expect(result.firstDiverging).toBe("layer.5");
    expect(result.layers.find((layer) => layer.name === "layer.4")?.ok).toBe(true);
    model.dispose();
  });
});
