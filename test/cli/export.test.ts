/** `yolov5 export` → .safetensors → the same weights, facts and outputs. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { load } from "../../src/node.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { collectStateDict, readSafetensors } from "../../src/weights/index.js";
import { exportedTensors } from "../../src/yolov5/checkpoint/exportSafetensors.js";
import { openModel } from "../../src/yolov5/loadModel.js";
import { readOnnx } from "../onnx/onnxReader.js";
import { referencePath } from "../support/reference.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder } from "./support.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);

function noise(side: number) {
  const random = seededRandom(7);
  return tensor("float32", [1, 3, side, side], Float32Array.from({ length: 3 * side * side }, random));
}

/** Exports, and compares tensors bit for bit, facts, and raw outputs. */
async function roundTrip(weights: string, target: string): Promise<void> {
  const { code, stderr } = await cli(["export", "--weights", weights, "--output", target, "--quiet"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const before = exportedTensors(openModel(await readFile(weights), { path: weights }).module);
  const { tensors, metadata } = readSafetensors(await readFile(target));
  expect([...tensors.keys()].sort()).toEqual([...before.keys()].sort());
  for (const [name, { dtype, shape, data }] of before) {
    expect(tensors.get(name)?.dtype).toBe(dtype);
    expect(tensors.get(name)?.shape).toEqual(shape);
    expect(
      Buffer.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).equals(
        bytesOf(tensors.get(name)?.data),
      ),
    ).toBe(true);
  }
  expect(metadata.get("format")).toBe("pt");
  const models = [await load(weights, { backend: "cpu" }), await load(target, { backend: "cpu" })];
  const [a, b] = models.map(({ info }) => ({ ...info, path: "", format: "" }));
  expect(b).toEqual(a);
  const input = noise(Math.max(64, models[0].info.stride));
  const [first, second] = [await models[0].forward(input), await models[1].forward(input)];
  expect(second).toEqual(first);
  for (const model of models) model.dispose();
}

function bytesOf(data: ArrayBufferView | undefined): Buffer {
  return data ? Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength) : Buffer.alloc(0);
}

describe("round trip, bit for bit", () => {
  test.each(["v6", "csp", "assorted", "seg", "cls"])("%s", async (name) => {
    await roundTrip(fixture(`${name}.pt`), path(`${name}.safetensors`));
    // Once more from the exported file.
    await roundTrip(path(`${name}.safetensors`), path(`${name}-again.safetensors`));
  });

  test.each([
    ["crops-pruned-25.pt"],
    ["zoo/p6.pt"],
    ["zoo/transformer.pt"],
    ["zoo/ghost.pt"],
    ["zoo/v3-tiny.pt"],
    ["zoo/focus-spp.pt"],
    ["formats/odd-names.pt"],
    ["formats/already-fused.pt"],
    ["formats/bfloat16.pt"],
  ])("reference checkpoint %s comes back bit for bit", async (name) => {
    const weights = referencePath("weights", ...name.split("/"));
    if (weights) await roundTrip(weights, path(`${name.replace("/", "-")}.safetensors`));
  });

  test("the exported file gives the same boxes", async () => {
    await cli(["export", "--weights", "codes", "--output", path("codes.safetensors")]);
    const run = async (weights: string) => {
      const { stdout } = await cli([
        "detect",
        "--weights",
        weights,
        "--source",
        EXAMPLE,
        "--nosave",
        "--json",
        "-",
        ...FAST,
      ]);
      return JSON.parse(stdout).images[0].detections;
    };
    const boxes = await run(path("codes.safetensors"));
    expect(boxes.length).toBeGreaterThan(3);
    expect(boxes).toEqual(await run("codes"));
  });
});

test("prints what it wrote, by default next to the checkpoint", async () => {
  const weights = path("best.pt");
  await writeFile(weights, await readFile(fixture("v6.pt")));
  const { code, stdout } = await cli(["export", "--weights", weights, "--include", "safetensors", "--json", "-"]);
  expect(code).toBe(0);
  const facts = JSON.parse(stdout);
  expect(facts.path).toBe(path("best.safetensors"));
  expect((await readFile(facts.path)).length).toBe(facts.bytes);
  const again = await cli(["export", "--weights", facts.path]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("is the checkpoint itself");
});

test("--half stores every floating-point tensor as float16, in half the size", async () => {
  const target = path("half.safetensors");
  await cli(["export", "--weights", "random:yolov5n", "--output", path("full.safetensors")]);
  const { code } = await cli(["export", "--weights", path("full.safetensors"), "--half", "--output", target]);
  expect(code).toBe(0);
  const { module } = openModel(await readFile(target), { path: target });
  const dtypes = [...collectStateDict(module).values()].map(({ dtype }) => dtype);
  expect(new Set(dtypes)).toEqual(new Set(["float16"]));
  const [half, full] = [await readFile(target), await readFile(path("full.safetensors"))];
  expect(half.length / full.length).toBeLessThan(0.55);
});

describe("--include onnx", () => {
  const weights = fixture("v6.pt");

  test("writes a separate file next to safetensors and prints its size and facts", async () => {
    const copy = path("two.pt");
    await writeFile(copy, await readFile(weights));
    const size = ["--imgsz", "64", "96", "--batch-size", "2"];
    const argv = ["export", "--weights", copy, "--include", "onnx", "--include", "safetensors", ...size];
    const { code, stdout } = await cli([...argv, "--json", "-"]);
    expect(code).toBe(0);
    const [onnx, safetensors] = JSON.parse(stdout);
    expect(onnx).toMatchObject({ path: path("two.onnx"), format: "onnx", opset: 13, input: [2, 3, 64, 96] });
    expect(safetensors).toMatchObject({ path: path("two.safetensors"), format: "safetensors", half: false });
    const model = readOnnx(await readFile(onnx.path));
    expect(model.inputs).toEqual([{ name: "images", shape: [2, 3, 64, 96] }]);
    expect(model.outputs[0].shape).toEqual([2, 3 * (8 * 12 + 4 * 6 + 2 * 3), 5 + onnx.classes]);
    expect(model.metadata.get("stride")).toBe("32");
    expect(model.metadata.get("names")).toMatch(/^\{0: ".*"\}$/);
  });

  test("refuses invalid combinations", async () => {
    const half = await cli(["export", "--weights", weights, "--include", "onnx", "--half"]);
    expect(half).toMatchObject({ code: 2, stderr: expect.stringContaining("ONNX files are float32") });
    const both = ["export", "--weights", weights, "--include", "onnx", "safetensors", "--output", path("x")];
    expect(await cli(both)).toMatchObject({ code: 2, stderr: expect.stringContaining("is one file") });
    const other = await cli(["export", "--weights", weights, "--include", "tflite"]);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("safetensors and onnx") });
  });
});

describe("an existing file", () => {
  test("is never replaced under a default name; identical bytes are allowed", async () => {
    const weights = path("mine.pt");
    await writeFile(weights, await readFile(fixture("v6.pt")));
    const argv = ["export", "--weights", weights];
    await writeFile(path("mine.safetensors"), "precious");
    const refused = await cli(argv);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/mine\.safetensors: already exists.*--output, or use --exist-ok\n$/);
    expect(await readFile(path("mine.safetensors"), "utf8")).toBe("precious");
    const wanted = await cli([...argv, "--exist-ok"]);
    expect(wanted).toMatchObject({ code: 0, stderr: expect.stringMatching(/^warning: .*: replaced an existing file/) });
    const again = await cli(argv);
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(again.stdout).toContain("(an identical file existed already)");
  });

  test("does not keep other formats from being written", async () => {
    const weights = path("pair.pt");
    await writeFile(weights, await readFile(fixture("v6.pt")));
    await writeFile(path("pair.onnx"), "precious");
    const argv = ["export", "--weights", weights, "--include", "onnx", "safetensors", "--imgsz", "64", "--json", "-"];
    const { code, stdout } = await cli(argv);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ error: expect.stringContaining("already exists") }, { half: false }]);
    expect(await readFile(path("pair.onnx"), "utf8")).toBe("precious");
  });

  test("is replaced with a warning under a given name, even with --quiet", async () => {
    const target = path("given.safetensors");
    await writeFile(target, "before");
    const argv = ["export", "--weights", "codes", "--output", target, "--quiet"];
    const { code, stderr } = await cli(argv);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*given\.safetensors: replaced an existing file \(0 kB\)\n$/);
  });

  test("int8 is refused before calibration", async () => {
    const weights = path("slow.pt");
    await writeFile(weights, await readFile(fixture("v6.pt")));
    await writeFile(path("slow-int8.safetensors"), "precious");
    const { code, stdout, stderr } = await cli(["export", "--weights", weights, "--int8", "--data", folder]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("slow-int8.safetensors: already exists");
  });
});
