/** verifyModel on references that are not what they should be: a clear error or the diverging layer, never a silent pass. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { type HostTensor, tensor } from "../../src/tensor/index.js";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.js";
import { createMember } from "../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../src/yolov5/localRunner.js";
import { Model } from "../../src/yolov5/model.js";
import { verifyModel } from "../../src/yolov5/verify.js";
import { fixturePath, openFile } from "./trees.js";

const { tensors } = readSafetensors(new Uint8Array(readFileSync(fixturePath("v6.layers.safetensors"))));

function model(): Model<never> {
  const backend = createCpuBackend();
  const member = createMember(openFile(fixturePath("v6.pt")), backend, { path: "v6.pt" });
  return new Model(new LocalRunner<never>([member], backend, () => Promise.reject(new Error("no pictures"))));
}

/** The reference with some tensors changed or (undefined) left out. */
function reference(changes: Readonly<Record<string, HostTensor | undefined>>): Uint8Array {
  const changed = new Map<string, HostTensor>();
  for (const [name, value] of Object.entries({ ...Object.fromEntries(tensors), ...changes })) {
    if (value) changed.set(name, value);
  }
  return writeSafetensors(changed, new Map());
}

function nudged(name: string, index: number, by: number): HostTensor {
  const source = tensors.get(name);
  if (!source) throw new Error(`no ${name}`);
  const data = Float32Array.from(source.data as Float32Array);
  data[index] += by;
  return tensor("float32", source.shape, data);
}

describe("verifyModel", () => {
  it("accepts an unchanged reference, with layers in the order of the network", async () => {
    const result = await verifyModel(model(), reference({}));
    expect(result.ok).toBe(true);
    expect(result.firstDiverging).toBeNull();
    const names = result.layers.map(({ name }) => name);
    expect(names[0]).toBe("layer.0");
    expect(names.indexOf("layer.9")).toBeLessThan(names.indexOf("layer.10"));
    expect(names.at(-1)).toBe("prediction");
    expect(result.backend).toEqual({ name: "cpu", adapter: "TypeScript reference", dtype: "float32" });
  });

  it("names the first diverging layer, whatever comes after", async () => {
    const changes = { "layer.7": nudged("layer.7", 3, 0.5), "layer.3": nudged("layer.3", 3, 0.5) };
    const result = await verifyModel(model(), reference(changes));
    expect(result.ok).toBe(false);
    expect(result.firstDiverging).toBe("layer.3");
    expect(result.layers.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["layer.3", "layer.7"]);
  });

  it("requires boxes within 0.01 px and scores within 1e-4", async () => {
    const at = async (column: number, by: number): Promise<boolean> =>
      (await verifyModel(model(), reference({ prediction: nudged("prediction", column, by) }))).ok;
    expect(await at(0, 0.009)).toBe(true);
    expect(await at(0, 0.02)).toBe(false);
    expect(await at(4, 9e-5)).toBe(true);
    expect(await at(4, 2e-4)).toBe(false);
    const loose = await verifyModel(model(), reference({ prediction: nudged("prediction", 0, 0.5) }), { box: 1 });
    expect(loose.ok).toBe(true);
  });

  it("never accepts NaN", async () => {
    const result = await verifyModel(model(), reference({ "layer.2": nudged("layer.2", 0, Number.NaN) }));
    expect(result.firstDiverging).toBe("layer.2");
  });

  it.each<[string, Readonly<Record<string, HostTensor | undefined>>, string]>([
    ["no picture", { input_rgb_u8: undefined }, "has no tensor input_rgb_u8 [H, W, 3]"],
    [
      "a picture of floats",
      { input_rgb_u8: tensor("float32", [64, 64, 3]) },
      "input_rgb_u8 must be uint8, got float32",
    ],
    [
      "a layer of another shape",
      { "layer.4": tensor("float32", [1, 2, 3, 4]) },
      "layer.4 is 1×2×3×4, the model's output 1×",
    ],
    ["a transposed layer", { "layer.0": transposed("layer.0") }, "it is the reference of another model"],
  ])("refuses %s", async (_, changes, message) => {
    const error = await verifyModel(model(), reference(changes), {}, "r.safetensors").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toContain(`r.safetensors: `);
    expect((error as Error).message).toContain(message);
  });

  it("refuses a file without layers", async () => {
    const picture = tensors.get("input_rgb_u8");
    if (!picture) throw new Error("no picture");
    const bytes = writeSafetensors(new Map([["input_rgb_u8", picture]]), new Map());
    await expect(verifyModel(model(), bytes, {}, "r.safetensors")).rejects.toThrow("r.safetensors: has no layer");
  });

  it("names a layer that the model does not have", async () => {
    const changes = { "layer.99": tensor("float32", [1]) };
    await expect(verifyModel(model(), reference(changes))).rejects.toThrow("no layer is named model.99");
  });
});

/** The same count under another shape of the same rank. */
function transposed(name: string): HostTensor {
  const source = tensors.get(name);
  if (!source) throw new Error(`no ${name}`);
  const [n, c, h, w] = source.shape;
  return tensor("float32", [n, h, w, c], Float32Array.from(source.data as Float32Array));
}
