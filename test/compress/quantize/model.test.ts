/** Quantized models end to end: calibration, file, every backend, size, accuracy. */

import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type Calibration,
  calibrate,
  planQuantization,
  type QuantizationPlan,
  quantizeModule,
} from "../../../src/compress/quantize/index.js";
import { OptionError, WeightError } from "../../../src/errors.js";
import { evaluate } from "../../../src/eval/index.js";
import { decodeImage } from "../../../src/image/index.js";
import { openWasm } from "../../../src/node/wasm.js";
import { load, openDataset, quantize } from "../../../src/node.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, type HostTensor, seededRandom, tensor, toFloat32 } from "../../../src/tensor/index.js";
import { moduleAt, readSafetensors, writeSafetensors } from "../../../src/weights/index.js";
import { exportSafetensors } from "../../../src/yolov5/checkpoint/exportSafetensors.js";
import { computeDTypeFor, createMember, type OpenedModel, openModel } from "../../../src/yolov5/loadModel.js";
import { cli } from "../../cli/support.js";
import { parityBackends, WEBGPU } from "../../support/backends.js";
import { FULL } from "../../support/full.js";
import { REPOSITORY, referencePath } from "../../support/reference.js";

const CODES = join(REPOSITORY, "models", "codes.safetensors");
const folder = await mkdtemp(join(tmpdir(), "yolov5-int8-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Quantized {
  readonly original: OpenedModel;
  readonly opened: OpenedModel;
  readonly bytes: Uint8Array;
  readonly plan: QuantizationPlan;
  readonly calibration: Calibration;
}

/** Calibrated on noise at a small size: enough for everything but accuracy. */
async function quantized(path: string, side = 64): Promise<Quantized> {
  const original = openModel(await readFile(path), { path });
  const backend = await openWasm({ threads: 1 });
  const { network, info } = createMember(original, backend, { path });
  const plan = planQuantization(network.module, network.build([1, 3, side, side]).graph, { head: true });
  const calibration = await calibrate(backend, plan, [noise(side, 1), noise(side, 2)], { method: "minmax" });
  backend.dispose();
  const module = quantizeModule(network.module, plan, calibration);
  const bytes = exportSafetensors({ module, checkpoint: original.checkpoint }, info);
  return { original, opened: openModel(bytes, { path: "int8" }), bytes, plan, calibration };
}

/** Bytes of a checkpoint's file with all tensors in float32. */
async function float32Size(path: string): Promise<number> {
  const opened = openModel(await readFile(path), { path });
  const { info } = createMember(opened, createCpuBackend(), { path });
  const { tensors, metadata } = readSafetensors(exportSafetensors(opened, info));
  return writeSafetensors(new Map([...tensors].map(([name, value]) => [name, toFloat32(value)])), metadata).length;
}

function noise(side: number, seed: number): HostTensor {
  const random = seededRandom(seed);
  return tensor("float32", [1, 3, side, side], Float32Array.from({ length: 3 * side * side }, random));
}

const codes = await quantized(CODES);

describe("a quantized file", () => {
  it("holds every convolution but the head's in int8, BatchNorm folded", () => {
    const { tensors } = readSafetensors(codes.bytes);
    expect(codes.plan.convolutions.size).toBe(57);
    for (const name of codes.plan.convolutions.keys()) {
      expect(tensors.get(`${name}.weight`)?.dtype).toBe("int8");
      expect(tensors.get(`${name}.weight_scale`)?.dtype).toBe("float32");
      expect(tensors.get(`${name}.bias`)?.dtype).toBe("float32");
    }
    expect(tensors.get("model.24.m.0.weight")?.dtype).toBe("float16");
    expect([...tensors.keys()].filter((name) => name.includes(".bn."))).toEqual([]);
  });

  it("takes at most 30 % of the float32 file", async () => {
    expect(codes.bytes.length).toBeLessThanOrEqual(0.3 * (await float32Size(CODES)));
  });

  it("is read as it was written", () => {
    for (const [name, { scale, zeroPoint }] of codes.calibration.activations) {
      const module = moduleAt(codes.opened.module, name);
      expect(module?.buffers.get("input_scale")?.data[0]).toBe(scale);
      expect(module?.buffers.get("input_zero_point")?.data[0]).toBe(zeroPoint);
    }
    const again = exportSafetensors(
      codes.opened,
      createMember(codes.opened, createCpuBackend(), { path: "int8" }).info,
    );
    expect(readSafetensors(again).tensors).toEqual(readSafetensors(codes.bytes).tensors);
    const { info } = createMember(codes.opened, createCpuBackend(), { path: "int8" });
    const half = openModel(exportSafetensors(codes.opened, info, { half: true }), { path: "half" });
    expect(createMember(half, createCpuBackend(), { path: "half" }).info.parameters).toBe(info.parameters);
  });

  it.each(parityBackends().map((b) => [b.name, b] as const))("runs on %s as it should", async (_, { open }) => {
    const backend = await open();
    if (!backend) return;
    const notes: string[] = [];
    const dtype = computeDTypeFor(codes.opened, backend, { onNote: (note) => notes.push(note) });
    const input = noise(64, 3);
    const [actual] = await createMember(codes.opened, backend, { path: "int8", dtype }).network.forward(input);
    // Weights as whole numbers × scale in float32: what backends without integer kernels compute exactly.
    const cpu = createCpuBackend();
    const [floats] = await createMember(codes.opened, cpu, { path: "int8" }).network.forward(input);
    const [before] = await createMember(codes.original, cpu, { path: "float" }).network.forward(input);
    if (backend.capabilities.dtypes.includes("int8")) {
      expect(dtype).toBe("int8");
      expect(notes).toEqual([]);
      const { nmse } = compare(actual, floats);
      // Activations are rounded too: something differs, little.
      expect(nmse).toBeGreaterThan(1e-12);
      expect(nmse).toBeLessThan(1e-3);
    } else {
      expect(dtype).toBe("float32");
      expect(notes.join()).toMatch(
        backend.capabilities.byteWeights
          ? /no int8 kernels: weights stay int8 in memory/
          : /no int8 kernels: .* converted/,
      );
      expect(compare(actual, floats).nmse).toBeLessThan(1e-9);
    }
    expect(compare(actual, before).nmse).toBeLessThan(1e-3);
    backend.dispose();
  });

  it("needs less memory than float32 on wasm", async () => {
    const backend = await openWasm({ threads: 1 });
    const use = async (opened: OpenedModel, dtype: "int8" | "float32"): Promise<number> => {
      const { network } = createMember(opened, backend, { path: "x", dtype });
      const memory = await network.with([1, 3, 320, 320], async (executable) => executable.memory());
      return memory.weightBytes + memory.activationBytes + memory.stagingBytes;
    };
    expect(await use(codes.opened, "int8")).toBeLessThan(await use(codes.original, "float32"));
    backend.dispose();
  });

  it("keeps its weights as bytes in the memory of webgpu", async ({ skip }) => {
    const backend = await WEBGPU.open();
    if (!backend) return skip("no WebGPU adapter");
    const weights = async (opened: OpenedModel): Promise<number> => {
      const { network } = createMember(opened, backend, { path: "x" });
      return network.with([1, 3, 64, 64], async (executable) => executable.memory().weightBytes);
    };
    expect(await weights(codes.opened)).toBeLessThan(0.32 * (await weights(codes.original)));
    backend.dispose();
  });

  it.each([
    ["weight_scale", tensor("float32", [1], Float32Array.of(1)), /weight_scale must be float32 \[/],
    ["input_scale", tensor("float32", [1], Float32Array.of(0)), /finite and above 0/],
    ["input_zero_point", tensor("int16", [1], Int16Array.of(256)), /must be 0 to 255, got 256/],
    ["input_scale", tensor("float32", [2], Float32Array.of(1, 1)), /must be one number/],
  ] as const)("with a bad %s is refused", (name, value, message) => {
    const { tensors, metadata } = readSafetensors(codes.bytes);
    const spoiled = new Map([...tensors, [`model.1.conv.${name}`, value]]);
    const opened = openModel(writeSafetensors(spoiled, metadata), { path: "spoiled" });
    const open = (): unknown => createMember(opened, createCpuBackend(), { path: "spoiled" });
    expect(open).toThrow(WeightError);
    expect(open).toThrow(message);
  });
});

it("is what quantize() returns for a loaded model and pictures", async () => {
  const model = await load(CODES, { backend: "wasm", threads: 1 });
  const picture = await decodeImage(await readFile(join(REPOSITORY, "examples", "codes.png")));
  const bytes = await quantize(model, [picture], { imgsz: [320, 320], method: "minmax" });
  const loaded = await load(bytes, { backend: "wasm", threads: 1 });
  expect(loaded.device.dtype).toBe("int8");
  expect([loaded.names, loaded.info.anchors]).toEqual([model.names, model.info.anchors]);
  expect(loaded.info.notes.int8).toBe("57 convolutions; calibration minmax, pictures 1");
  await expect(quantize(loaded, [picture])).rejects.toThrow(/is already int8/);
  await expect(quantize({ members: [] }, [picture])).rejects.toThrow(OptionError);
  model.dispose();
  loaded.dispose();
});

it("cannot be made without calibration pictures", async () => {
  await expect(calibrate(createCpuBackend(), codes.plan, [], { method: "entropy" })).rejects.toThrow(OptionError);
});

it.each(["csp", "assorted", "seg", "cls"])("can be made of every kind of model: %s", async (name) => {
  const path = join(REPOSITORY, "test", "fixtures", "pytorch", `${name}.pt`);
  const { original, opened, plan } = await quantized(path, 64);
  expect(plan.convolutions.size).toBeGreaterThan(3);
  const cpu = createCpuBackend();
  const input = noise(64, 3);
  const before = await createMember(original, cpu, { path }).network.forward(input);
  const after = await createMember(opened, cpu, { path }).network.forward(input);
  after.forEach((output, i) => {
    expect(compare(output, before[i]).nmse).toBeLessThan(0.01);
  });
});

describe("yolov5 export --int8", () => {
  const target = join(folder, "codes-int8.safetensors");
  const pictures = join(REPOSITORY, "examples");

  it("writes a file that detect reads", async () => {
    const argv = ["export", "--weights", "codes", "--int8", "--data", pictures, "--output", target];
    const made = await cli([...argv, "--backend", "wasm", "--json", "-"]);
    expect(made.code).toBe(0);
    expect(JSON.parse(made.stdout).int8).toEqual({
      calibration: "percentile",
      images: 1,
      imgsz: [640, 640],
      convolutions: 57,
    });
    const found = async (weights: string): Promise<{ name: string; confidence: number }[]> => {
      const argv = ["detect", "--weights", weights, "--source", join(pictures, "codes.png"), "--nosave"];
      const { stdout } = await cli([...argv, "--backend", "wasm", "--json", "-"]);
      return JSON.parse(stdout).images[0].detections;
    };
    const [int8, float] = [await found(target), await found("codes")];
    expect(int8.map(({ name }) => name).sort()).toEqual(float.map(({ name }) => name).sort());
    expect(Math.abs(int8[0].confidence - float[0].confidence)).toBeLessThan(0.05);
    const facts = await cli(["info", "--weights", target]);
    expect(facts.stdout).toMatch(/^int8 +57 convolutions; calibration percentile, pictures 1$/m);
  });

  it.each<[string[], number, RegExp]>([
    [["--int8"], 2, /--int8 needs --data FOLDER/],
    [["--int8", "--data", "nowhere"], 1, /--data nowhere: no such file or folder/],
    [["--int8", "--data", folder], 1, /has no pictures/],
    [["--int8", "--data", CODES], 1, /neither a folder of pictures nor a \.txt list/],
    [["--int8", "--half", "--data", "x"], 2, /--int8 and --half cannot be combined/],
    [["--data", "x"], 2, /--data is a calibration option and needs --int8/],
    [["--int8", "--data", "x", "--calibration", "minmax", "--percentile", "99"], 2, /needs --calibration perc/],
    [["--int8", "--data", "x", "--calibration", "best"], 2, /Allowed choices are minmax, percentile, entropy/],
    [["--int8", "--data", "x", "--percentile", "20"], 2, /between 50 and 100/],
    [["--int8-head"], 2, /--int8-head is a calibration option and needs --int8/],
    [["--int8", "--int8-head", "--include", "onnx", "--data", "x"], 2, /--int8-head applies to safetensors only/],
  ])("%j", async (argv, code, message) => {
    const empty = join(folder, "none.safetensors");
    const outcome = await cli(["export", "--weights", "codes", "--output", empty, ...argv]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(code);
    await expect(stat(empty)).rejects.toThrow();
  });

  it("refuses a file that is already int8", async () => {
    await writeFile(join(folder, "once.safetensors"), codes.bytes);
    const argv = ["export", "--weights", join(folder, "once.safetensors"), "--int8", "--data", "x"];
    const { code, stderr } = await cli([...argv, "--output", join(folder, "twice.safetensors")]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is already int8/)]);
  });
});

/** Weights, activations and staging of a run on WASM in int16, which need most. */
async function runBytes(path: string, dtype: "int8" | "float32", imgsz: number): Promise<number> {
  const backend = await openWasm({ threads: 1, integers: "int16" });
  const { network } = createMember(openModel(await readFile(path), { path }), backend, { path, dtype });
  const memory = await network.with([1, 3, imgsz, imgsz], async (executable) => executable.memory());
  backend.dispose();
  return memory.weightBytes + memory.activationBytes + memory.stagingBytes;
}

/** Checkpoint, data set, input size, whether it takes minutes. */
const ACCURACY = [
  ["crops", "crops_test", 320, false],
  ["yolov5n", "coco_val2017_128", 640, true],
  ["dna", "dna_test", 640, true],
] as const;

describe("mAP50-95 drops by at most 0.5 points, in a third of the file and half of the memory", () => {
  it.each(ACCURACY)("%s on %s", { timeout: 1_800_000 }, async (name, data, imgsz, slow) => {
    const weights = referencePath("weights", `${name}.pt`);
    const images = referencePath("images", data);
    if (!weights || !images) return;
    if (slow && !FULL) {
      console.warn(`skipped: ${name} on ${data} takes minutes; YOLOV5_FULL=1 runs it`);
      return;
    }
    const target = join(folder, `${name}-int8.safetensors`);
    const argv = ["export", "--weights", weights, "--int8", "--data", join(images, "images"), "--imgsz", String(imgsz)];
    expect((await cli([...argv, "--backend", "wasm", "--output", target, "--quiet"])).code).toBe(0);
    const map: number[] = [];
    for (const path of [weights, target]) {
      const model = await load(path, { backend: "wasm" });
      const dataset = await openDataset(images, { names: model.names });
      map.push((await evaluate(model, dataset, { imgsz })).metrics.map50_95);
      if (path === target) expect(model.device.dtype).toBe("int8");
      model.dispose();
    }
    console.log(`${name} on ${data}: mAP50-95 ${map[0].toFixed(4)} in float32, ${map[1].toFixed(4)} in int8`);
    expect(map[1]).toBeGreaterThan(map[0] - 0.005);
    expect((await stat(target)).size).toBeLessThanOrEqual(0.28 * (await float32Size(weights)));
    expect(await runBytes(target, "int8", imgsz)).toBeLessThanOrEqual(
      0.6 * (await runBytes(weights, "float32", imgsz)),
    );
  });
});
