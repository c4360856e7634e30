/** Heads whose last layers read bytes: the file, what it is read as, and what is found with it. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { WeightError } from "../../../src/errors.js";
import { openWasm } from "../../../src/node/wasm.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";
import { readSafetensors, writeSafetensors } from "../../../src/weights/index.js";
import { createMember, type OpenedModel, openModel } from "../../../src/yolov5/loadModel.js";
import { cli } from "../../cli/support.js";
import { randomTensor } from "../../support/random.js";
import { REPOSITORY } from "../../support/reference.js";

const PICTURES = join(REPOSITORY, "examples");
const folder = await mkdtemp(join(tmpdir(), "yolov5-int8-head-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const path = join(folder, "codes-head.safetensors");
const argv = ["export", "--int8", "--int8-head", "--data", PICTURES, "--backend", "wasm"];
const made = await cli([...argv, "--weights", "codes", "--output", path, "--json", "-"]);
const { tensors, metadata } = readSafetensors(await readFile(path));

/** The file with other tensors. */
const openWith = (others: ReadonlyMap<string, HostTensor>): OpenedModel =>
  openModel(writeSafetensors(others, metadata), { path: "other" });

describe("a head in bytes", () => {
  it("has float16 weights, and a scale and a zero point of what it reads", () => {
    expect(JSON.parse(made.stdout).int8).toMatchObject({ convolutions: 57, head: 3 });
    for (const layer of ["model.24.m.0", "model.24.m.1", "model.24.m.2"]) {
      expect(tensors.get(`${layer}.weight`)?.dtype).toBe("float16");
      expect(tensors.has(`${layer}.weight_scale`)).toBe(false);
      expect(tensors.get(`${layer}.input_scale`)?.shape).toEqual([1]);
      expect(tensors.get(`${layer}.input_zero_point`)?.dtype).toBe("uint8");
    }
  });

  it("finds the same boxes", async () => {
    const found = async (weights: string): Promise<{ name: string; confidence: number }[]> => {
      const run = ["detect", "--weights", weights, "--source", join(PICTURES, "codes.png"), "--nosave"];
      const { stdout } = await cli([...run, "--backend", "wasm", "--json", "-"]);
      return JSON.parse(stdout).images[0].detections;
    };
    const [bytes, float] = [await found(path), await found("codes")];
    expect(float.length).toBeGreaterThan(5);
    expect(bytes.map(({ name }) => name).sort()).toEqual(float.map(({ name }) => name).sort());
    expect(Math.abs(bytes[0].confidence - float[0].confidence)).toBeLessThan(0.05);
  });

  it("is computed in integers; in files of older versions, in float32", async () => {
    const older = new Map([...tensors].filter(([name]) => !/^model\.24\..*\.input_/.test(name)));
    expect(older.size).toBe(tensors.size - 6);
    const kernelsOf = async (opened: OpenedModel): Promise<string> => {
      const backend = await openWasm({ threads: 1 });
      const { network } = createMember(opened, backend, { path: "int8", dtype: "int8" });
      const input = randomTensor([1, 3, 64, 64], 1);
      const timings = await network.with([1, 3, 64, 64], (executable) => executable.profile([input]));
      backend.dispose();
      return timings.flatMap(({ name, kernel }) => (name.startsWith("model.24.m.") ? [kernel] : [])).join();
    };
    expect(await kernelsOf(openWith(older))).not.toMatch(/int8|int16/);
    expect(await kernelsOf(openWith(tensors))).toMatch(/int8 wide|int16/);
  });

  it.each([
    ["input_scale", tensor("float32", [1], Float32Array.of(-1)), /m\.1.* above 0/],
    ["input_scale", tensor("float32", [2], Float32Array.of(1, 1)), /m\.1\.input_scale must be one number/],
    ["input_zero_point", tensor("int16", [1], Int16Array.of(256)), /m\.1\.input_zero_point must be 0 to 255, got 256/],
  ] as const)("with a bad %s is refused", (name, value, message) => {
    const opened = openWith(new Map([...tensors, [`model.24.m.1.${name}`, value]]));
    const open = (): unknown => createMember(opened, createCpuBackend(), { path: "spoiled" });
    expect(open).toThrow(WeightError);
    expect(open).toThrow(message);
  });

  it("is reported as missing where there is none", async () => {
    const weights = join(REPOSITORY, "test", "fixtures", "pytorch", "cls.pt");
    const { code, stdout, stderr } = await cli([
      ...argv,
      "--weights",
      weights,
      "--output",
      join(folder, "cls.safetensors"),
    ]);
    expect([code, stdout + stderr]).toEqual([0, expect.stringMatching(/no detection head with anchors/)]);
  });
});
