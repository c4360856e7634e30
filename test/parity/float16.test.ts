/** float16 on WebGPU with the trained checkpoints: layers near PyTorch's float32, the demo pictures' boxes as in float32. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import type { Backend, ComputeDType } from "../../src/runtime/backend.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { WEBGPU } from "../support/backends.js";
import { REFERENCE, REPOSITORY, referenceMissing } from "../support/reference.js";
import { TRAINED } from "./support/architectures.js";
import { checkpointOf } from "./support/references.js";

describe.skipIf(referenceMissing("reference"))("float16", () => {
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await WEBGPU.open();
  });
  afterAll(() => backend?.dispose());

  function modelOf(name: string, on: Backend, dtype: ComputeDType): Model<string> {
    const path = checkpointOf(name);
    const opened = openModel(new Uint8Array(readFileSync(path)), { path });
    return new Model(
      new LocalRunner<string>([createMember(opened, on, { path, dtype })], on, async (file) => ({
        image: await decodeImage(new Uint8Array(readFileSync(file)), { path: file }),
        source: file,
      })),
    );
  }

  it.for(TRAINED.filter((name) => existsSync(checkpointOf(name))))("layers of %s", async (name, { skip }) => {
    if (!backend?.capabilities.dtypes.includes("float16")) return skip("no float16 here");
    const model = modelOf(name, backend, "float16");
    const reference = new Uint8Array(readFileSync(join(REFERENCE, "reference", `${name}.layers.safetensors`)));
    const result = await verifyModel(model, reference, {}, name);
    expect(result.backend.dtype).toBe("float16");
    expect(result.firstDiverging).toBeNull();
    // Rounding shows: what ran was not float32.
    expect(Math.max(...result.layers.map(({ nmse }) => nmse))).toBeGreaterThan(1e-8);
    model.members[0].network.dispose();
  });

  it.for(["yolov5n", "yolov5n-7"])("boxes of %s in the demo pictures", async (name, { skip }) => {
    if (!backend?.capabilities.dtypes.includes("float16")) return skip("no float16 here");
    const folder = join(REFERENCE, "images", "demo");
    const pictures = readdirSync(folder).filter((file) => /\.(jpg|png)$/.test(file));
    expect(pictures).toEqual(expect.arrayContaining(["bus.jpg", "zidane.jpg"]));
    const [full, half] = [modelOf(name, backend, "float32"), modelOf(name, backend, "float16")];
    for (const picture of pictures.map((file) => join(folder, file))) {
      const expected = (await full.detect(picture)) as DetectionResult;
      const actual = (await half.detect(picture)) as DetectionResult;
      const classes = ({ detections }: DetectionResult) => detections.map((d) => d.name).sort();
      expect(classes(actual)).toEqual(classes(expected));
      expect(actual.length).toBeGreaterThan(0);
    }
    expect(half.device.dtype).toBe("float16");
    for (const model of [full, half]) model.members[0].network.dispose();
  });
});

describe("float16 of networks without anchors", () => {
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await WEBGPU.open();
  });
  afterAll(() => backend?.dispose());

  it.for(["v8-seg", "11-pose", "26"])("layers of %s", async (name, { skip }) => {
    if (!backend?.capabilities.dtypes.includes("float16")) return skip("no float16 here");
    const path = join(REPOSITORY, "test", "fixtures", "pytorch", `${name}.pt`);
    const opened = openModel(new Uint8Array(readFileSync(path)), { path });
    const member = createMember(opened, backend, { path, dtype: "float16" });
    const model = new Model(new LocalRunner<never>([member], backend, () => Promise.reject(new Error("no pictures"))));
    const reference = new Uint8Array(readFileSync(path.replace(/pt$/, "layers.safetensors")));
    const { layers } = await verifyModel(model, reference, {}, name);
    const compared = layers.filter((layer) => layer.name !== "prediction");
    expect(compared.filter(({ nmse }) => !(nmse <= 1e-4))).toEqual([]);
    // Rounding shows: what ran was not float32.
    expect(Math.max(...compared.map(({ nmse }) => nmse))).toBeGreaterThan(1e-9);
    member.network.dispose();
  });
});
