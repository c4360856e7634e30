/** `yolov5 verify`: rows, JSON, and the first diverging layer named when one is made wrong on purpose. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type HostTensor, tensor } from "../../src/tensor/index.js";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.js";
import { cli, fixture, scratchFolder } from "./support.js";

const folder = await scratchFolder();
const REFERENCE = fixture("codes.layers.safetensors");

interface Verification {
  ok: boolean;
  layers: { name: string; maxAbs: number; nmse: number; ok: boolean }[];
  firstDiverging: string | null;
  backend: { name: string };
}

/** The reference with one tensor changed. */
async function changed(name: string, change: (data: Float32Array) => void): Promise<string> {
  const { tensors, metadata } = readSafetensors(await readFile(REFERENCE));
  const source = tensors.get(name) as HostTensor<"float32">;
  const data = source.data.slice();
  change(data);
  const target = join(folder, `${name}.safetensors`);
  await writeFile(
    target,
    writeSafetensors(new Map([...tensors, [name, tensor("float32", source.shape, data)]]), metadata),
  );
  return target;
}

describe("yolov5 verify", () => {
  test("prints a row per layer, and all agree", async () => {
    const { code, stdout, stderr } = await cli([
      "verify",
      "--weights",
      "codes",
      "--reference",
      REFERENCE,
      "--backend",
      "cpu",
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^layer\.0 +Conv +\d\.\d+e-\d+ +\d\.\d+e-\d+ +ok$/m);
    expect(stdout).toMatch(/^layer\.9 +SPPF /m);
    expect(stdout).toMatch(/^All \d+ agree with PyTorch\.$/m);
  });

  test("names a wrong layer, with exit code 1", async () => {
    const reference = await changed("layer.9", (data) => {
      data[100] += 0.5;
    });
    const argv = ["verify", "--weights", "codes", "--reference", reference, "--backend", "cpu", "--json", "-"];
    const { code, stdout, stderr } = await cli(argv);
    expect(code).toBe(1);
    const result = JSON.parse(stdout) as Verification;
    expect(result.ok).toBe(false);
    expect(result.firstDiverging).toBe("layer.9");
    expect(result.layers.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(["layer.9"]);
    expect(result.layers.find(({ name }) => name === "layer.9")?.maxAbs).toBeGreaterThan(0.4);
    expect(result.backend.name).toBe("cpu");
    expect(stderr).toMatch(/^layer\.9 .*DIVERGES$/m);
    expect(stderr).toContain("First diverging layer: layer.9");
    expect(stderr).toMatch(/^error: codes: 1 of \d+ layers beyond tolerance, the first is layer\.9$/m);
  });

  test("finds a wrong score of the prediction, unless a tolerance allows it", async () => {
    const reference = await changed("prediction", (data) => {
      data[4] += 0.01;
    });
    const argv = ["verify", "--weights", "codes", "--reference", reference, "--backend", "cpu", "--quiet"];
    expect((await cli(argv)).stderr).toContain("the first is prediction");
    expect((await cli([...argv, "--score-tolerance", "0.02"])).code).toBe(0);
  });

  test("accepts the segmentation and classification fixtures", async () => {
    for (const name of ["seg", "cls"]) {
      const argv = ["verify", "--weights", fixture(`${name}.pt`), "--reference", fixture(`${name}.layers.safetensors`)];
      const { code, stderr } = await cli([...argv, "--backend", "cpu", "--quiet"]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
    }
  });
});
