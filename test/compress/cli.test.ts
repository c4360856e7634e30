/** `yolov5 compress` from flags to file and report, and the pruned file in the other commands. */

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { convolutionWeights } from "../../src/compress/prune/unstructured.js";
import { encodePng } from "../../src/image/index.js";
import { load } from "../../src/node.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { tensor, toFloat32 } from "../../src/tensor/index.js";
import { writeSafetensors } from "../../src/weights/index.js";
import { isQuantized } from "../../src/yolov5/checkpoint/quantized.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import type { DetectionResult } from "../../src/yolov5/output/results.js";
import { cli, EXAMPLE, scratchFolder } from "../cli/support.js";
import { referencePath } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";
import { noise } from "./support.js";

const gpu = await webgpuOrSkip();
const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const FAST = ["--weights", "codes", "--backend", "wasm", "--imgsz", "256", "--iterations", "2"] as const;

/** The example picture with what the embedded model finds in it, and a grey one. */
beforeAll(async () => {
  const model = await load("codes", { backend: "wasm" });
  const { detections, width, height } = (await model.detect(EXAMPLE, { imgsz: 256, conf: 0.5 })) as DetectionResult;
  model.dispose();
  const lines = detections.map(({ class: c, xmin, ymin, xmax, ymax }) =>
    [c, (xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height].join(" "),
  );
  await mkdir(path("data", "images"), { recursive: true });
  await mkdir(path("data", "labels"));
  await cp(EXAMPLE, path("data", "images", "codes.png"));
  await writeFile(path("data", "labels", "codes.txt"), `${lines.join("\n")}\n`);
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
  await writeFile(path("data", "images", "grey <b>.png"), encodePng(grey));
});

interface CompressJson {
  readonly rows: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly compressedBytes: number;
    readonly parameters: number;
    readonly gflops: number;
    readonly map50: number;
    readonly latency: readonly { readonly backend: string; readonly medianMs: number; readonly peakBytes: number }[];
  }[];
  readonly int8Recovery?: {
    readonly steps: number;
    readonly heldOut: boolean;
    readonly kept: { readonly step: number };
    readonly curve: readonly { readonly step: number }[];
  };
  readonly recovery?: { readonly curve: readonly { readonly step: number }[] };
}

describe("a run", () => {
  const small = path("small.safetensors");

  test("prunes, halves and quantizes, and writes the table, JSON, file and report", async () => {
    const { code, stdout, stderr } = await cli([
      ...["compress", "--data", path("data"), ...FAST, "--prune", "0.2", "--round", "4", "--unstructured", "0.2"],
      ...[
        "--half",
        "--int8",
        "--report",
        path("out.html"),
        "--json",
        path("out.json"),
        "--output",
        path("int8.safetensors"),
      ],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const { rows } = JSON.parse(await readFile(path("out.json"), "utf8")) as CompressJson;
    const names = rows.map(({ name }) => name.replace(/\d+\.\d/, "x"));
    expect(names).toEqual(["embedded:codes", "pruned x %", "+ re-estimated", "+ 20 % zeroed", "+ float16", "+ int8"]);
    const [original, cut, again, zeroed, , int8] = rows;
    expect(original.map50).toBeGreaterThan(0.9);
    expect(again.map50).toBeGreaterThanOrEqual(cut.map50);
    expect(again.parameters).toBeLessThan(0.9 * original.parameters);
    expect(again.gflops).toBeLessThan(original.gflops);
    expect(zeroed.bytes).toBe(again.bytes);
    expect(zeroed.compressedBytes).toBeLessThan(0.95 * again.compressedBytes);
    expect(int8.bytes).toBeLessThan(0.65 * again.bytes);
    expect(rows.every(({ latency: [own] }) => own.backend === "wasm" && own.medianMs > 0 && own.peakBytes > 0)).toBe(
      true,
    );
    for (const { name } of rows) expect(stdout).toContain(name);
    expect(stdout).toContain(`\n${path("int8.safetensors")}: the model of the row "+ int8"\nUse it with --weights `);
    const html = await readFile(path("out.html"), "utf8");
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
    expect(html).not.toContain("<b>");
    expect(html.match(/<svg/g)?.length).toBe(2);
    expect(html.match(/data:image\/jpeg/g)?.length).toBe(6);
    expect((await cli(["info", "--weights", path("int8.safetensors")])).code).toBe(0);
  });

  test("recovers: a row of its own, the curve, another run's state refused", async () => {
    const [state, json] = [path("recover.state"), path("recover.json")];
    const run = (...more: string[]) =>
      cli([
        ...["compress", "--data", path("data"), ...FAST, "--imgsz", "128", "--prune", "0.1", "--round", "4"],
        ...[
          "--iterations",
          "1",
          "--recover",
          "--recover-steps",
          "4",
          "--recover-state",
          state,
          "--json",
          json,
          ...more,
        ],
      ]);
    const { code, stdout, stderr } = await run("--report", path("recovered.html"));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/step 4: loss [\d.]+, agreement [\d.]+, distance [\d.]+\n/);
    expect(stdout).toMatch(/Recovered: 4 steps in [\d.]+ min on 2 pictures; .* on 2 of them: agreement/);
    const { rows, recovery } = JSON.parse(await readFile(json, "utf8")) as CompressJson;
    expect(rows.map(({ name }) => name)).toEqual([
      ...["embedded:codes", expect.stringMatching(/^pruned/), "+ re-estimated", "+ recovered"],
    ]);
    expect(recovery?.curve.map(({ step }) => step)).toEqual([0, 4]);
    expect(await readFile(path("recovered.html"), "utf8")).toMatch(
      /<h2>Recovery<\/h2>\s*<svg[\s\S]*pictures as they are/,
    );
    const other = await run("--imgsz", "160");
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringMatching(/recover\.state: is the training state of another run/),
    ]);
  });

  test.each([
    ["alone", ["--int8-head"], ["+ int8", "+ recovered in int8"], 8],
    ["after pruning", ["--prune", "0.1", "--round", "4"], ["+ recovered", "+ int8", "+ recovered in int8"], 2],
  ] as const)(
    "recovers int8 %s: rows before and after, the curve, a state of its own",
    async (_, more, names, steps) => {
      const [state, json, output] = ["int8.state", "int8.json", "int8.safetensors"].map((name) =>
        path(`${steps}-${name}`),
      );
      const run = () =>
        cli([
          ...[
            "compress",
            "--data",
            path("data"),
            ...FAST,
            "--imgsz",
            "128",
            "--iterations",
            "1",
            "--int8",
            "--recover",
          ],
          ...[...more, "--recover-steps", "8", "--recover-state", state, "--json", json, "--output", output],
          ...["--report", path(`${steps}-int8.html`)],
        ]);
      const { code, stdout, stderr } = await run();
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch("2 pictures to train on are few, so the distance on the 1 held out decides");
      expect(stdout).toMatch(
        new RegExp(`Recovered in int8: ${steps} steps? in .* kept; on 1 held-out picture: distance [\\d.]+ → distance`),
      );
      const { rows, int8Recovery } = JSON.parse(await readFile(json, "utf8")) as CompressJson;
      expect(rows.map(({ name }) => name).slice(-names.length)).toEqual(names);
      // Biases of the head are float32 once they are trained.
      expect(rows[rows.length - 1].bytes / rows[rows.length - 2].bytes).toBeCloseTo(1, 2);
      expect(int8Recovery).toMatchObject({ steps, heldOut: true, curve: [{ step: 0 }, { step: steps }] });
      expect(await readFile(path(`${steps}-int8.html`), "utf8")).toMatch(/<h2>Recovery in int8<\/h2>\s*<svg/);
      const first = await readFile(output);
      expect(isQuantized(openModel(first, { path: output }).module)).toBe(true);
      // Goes on from both states, which have ended.
      expect((await run()).code).toBe(0);
      expect(Buffer.compare(await readFile(output), first)).toBe(0);
    },
  );

  test.each([
    ["2:4 zeroed", ["--unstructured", "2:4"]],
    ["50 % zeroed in blocks of 1x4", ["--unstructured", "0.5", "--block", "1x4"]],
  ])("sets weights to zero in a pattern: %s", async (name, flags) => {
    const output = path("pattern.safetensors");
    const { code, stdout } = await cli([
      ...["compress", "--data", path("data"), ...FAST, "--imgsz", "128", "--iterations", "1", "--output", output],
      ...flags,
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`\n+ ${name} `)]);
    const weights = convolutionWeights(openModel(await readFile(output), { path: output }).module);
    const [zeros, all] = weights
      .map((weight) => toFloat32(weight).data)
      .reduce(([sum, total], data) => [sum + data.filter((v) => v === 0).length, total + data.length], [0, 0]);
    expect(zeros / all).toBeGreaterThan(0.48);
    expect(stdout).toMatch(
      `Zeroed: ${zeros.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} convolution weights`,
    );
  });

  test("recovers after weights were set to zero, and leaves them there", async () => {
    const output = path("sparse.safetensors");
    const { code, stdout, stderr } = await cli([
      ...["compress", "--data", path("data"), ...FAST, "--imgsz", "128", "--unstructured", "0.5", "--iterations", "1"],
      ...["--recover", "--recover-steps", "3", "--output", output],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/\+ 50 % zeroed .*\n\+ recovered /);
    const weights = convolutionWeights(openModel(await readFile(output), { path: output }).module);
    const all = weights.flatMap((weight) => [...toFloat32(weight).data]);
    expect(all.filter((weight) => weight === 0).length / all.length).toBeGreaterThan(0.49);
  });

  test.each([
    ["webgpu", "codes"],
    ["wasm", "transformer"],
  ])("recovers on %s: %s", async (on, name) => {
    const weights = name === "codes" ? name : referencePath("weights", "zoo", `${name}.pt`);
    if (!weights || (on === "webgpu" && !gpu)) return;
    const output = path(`${on}.safetensors`);
    const { code, stdout, stderr } = await cli([
      ...["compress", "--data", path("data"), ...FAST, "--weights", weights, "--backend", on, "--imgsz", "64"],
      ...["--prune", "0.1", "--criterion", "l1", "--iterations", "1", "--recover", "--recover-steps", "3"],
      ...["--output", output],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(`Backend: ${on}`);
    expect(stdout).toMatch(/Recovered: 3 steps in [\d.]+ min on 2 pictures/);
    const detect = ["detect", "--weights", output, "--source", EXAMPLE, "--imgsz", "64", "--nosave"];
    expect((await cli([...detect, "--backend", "wasm"])).code).toBe(0);
  });

  test("labels beside pictures to calibrate and to train on are read only with --recover-labels", async () => {
    const unlabelled = await scratchFolder();
    for (const name of ["images", "labels"]) await mkdir(join(unlabelled, name));
    for (const name of ["a", "b"]) await cp(EXAMPLE, join(unlabelled, "images", `${name}.png`));
    const data = ["--data", path("data"), "--calibration-data", unlabelled, "--recover-data", unlabelled];
    const prune = ["--prune", "0.1", "--criterion", "l1", "--recover", "--recover-steps", "1"];
    const run = (...more: string[]) => cli(["compress", ...data, ...FAST, ...prune, ...more]);
    const none = await run();
    expect([none.code, none.stderr]).toEqual([0, ""]);
    await writeFile(join(unlabelled, "labels", "a.txt"), "no label\n");
    const wrong = await run();
    expect([wrong.code, wrong.stderr]).toEqual([0, ""]);
    const read = await run("--recover-labels");
    expect([read.code, read.stderr]).toEqual([1, expect.stringMatching(/a\.txt:1: .*; fix the label file/)]);
    await writeFile(join(unlabelled, "labels", "a.txt"), "");
    const empty = await run("--recover-labels");
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringMatching(/: has no labels to learn from/)]);
    expect(empty.stdout).not.toMatch(/Pruned/);
    await writeFile(join(unlabelled, "labels", "a.txt"), "0 0.5 0.5 0.2 0.2\n");
    const learnt = await run("--recover-labels");
    expect([learnt.code, learnt.stderr]).toEqual([0, ""]);
    const lossOf = ({ stdout }: { readonly stdout: string }): string => /step 1: loss ([\d.]+)/.exec(stdout)?.[1] ?? "";
    expect(Number(lossOf(learnt))).toBeGreaterThan(Number(lossOf(wrong)));
  });

  test("pruned files work with detect, info, export and verify", async () => {
    const { code, stderr } = await cli([
      ...["compress", "--data", path("data"), ...FAST, "--target-flops", "0.8", "--criterion", "l1", "--output", small],
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const detect = [
      "detect",
      "--weights",
      small,
      "--source",
      EXAMPLE,
      "--imgsz",
      "256",
      "--nosave",
      "--backend",
      "wasm",
    ];
    expect((await cli(detect)).code).toBe(0);
    expect(
      (await cli(["export", "--weights", small, "--include", "onnx", "--imgsz", "64", "--output", path("a.onnx")]))
        .code,
    ).toBe(0);
    await writeFile(path("reference.layers.safetensors"), await referenceOf(small));
    const verify = ["verify", "--weights", small, "--reference", path("reference.layers.safetensors")];
    for (const backend of ["wasm", "cpu"]) {
      const { code: verified, stdout } = await cli([...verify, "--backend", backend]);
      expect([backend, verified, stdout.includes("agree")]).toEqual([backend, 0, true]);
    }
  });
});

/** Every layer of the pruned network as the float64 reference computes it, in the form that `verify` reads. */
async function referenceOf(weights: string): Promise<Uint8Array> {
  const backend = createCpuBackend();
  const opened = openModel(await readFile(weights), { path: weights });
  const { network, info } = createMember(opened, backend, { path: weights });
  const [h, w] = [64, 96];
  const bytes = Uint8Array.from(noise(h, w).data, (v) => Math.floor(v * 256));
  const chw = Float32Array.from({ length: bytes.length }, (_, i) => {
    const [c, pixel] = [Math.floor(i / (h * w)), i % (h * w)];
    return bytes[pixel * 3 + c] / 255;
  });
  const input = tensor("float32", [1, 3, h, w], chw);
  const layers = Array.from({ length: info.layers - 1 }, (_, i) => `model.${i}`);
  const values = await network.with([1, 3, h, w], (executable) => executable.tap(layers, [input]));
  const [prediction] = await network.forward(input);
  const tensors = new Map([...values].map(([name, value]) => [name.replace("model", "layer"), value] as const));
  tensors.set("prediction", prediction);
  tensors.set("input_rgb_u8", tensor("uint8", [h, w, 3], bytes));
  network.dispose();
  return writeSafetensors(tensors, new Map());
}

describe("wrong usage", () => {
  test.each([
    [["--prune", "0.1", "--max-drop", "2"], /cannot be combined; give one of them/],
    [["--prune", "1"], /a fraction below 1/],
    [["--output", "x.safetensors"], /--output needs a step/],
    [["--recover"], /--recover trains a pruned or quantized network; give --prune, .* or --int8/],
    [["--int8-head"], /--int8-head needs --int8/],
    [["--block", "1x4"], /--block needs --unstructured with a fraction/],
    [["--unstructured", "2:4", "--block", "1x4"], /--block needs --unstructured with a fraction/],
    [["--unstructured", "4:4"], /must keep some of each group/],
    [["--unstructured", "0.5", "--block", "0x4"], /two whole numbers above 0/],
    [
      ["--int8", "--recover", "--recover-features", "1"],
      /--recover-features is for recovery of a pruned or factored network/,
    ],
    [
      ["--int8", "--recover", "--recover-rate", "0.001"],
      /--recover-rate is for recovery of a pruned or factored network/,
    ],
    [
      ["--prune", "0.1", "--recover", "--int8", "--recover-steps", "4", "--recover-rounds", "4"],
      /cannot be shared by 4 rounds and int8/,
    ],
    [["--prune", "0.1", "--recover-minutes", "1"], /need --recover/],
    [["--prune", "0.1", "--recover", "--recover-minutes", "1", "--recover-steps", "9"], /cannot be combined/],
    [["--prune", "0.1", "--recover", "--shard", "0/2", "--json", "x.json"], /--recover would train/],
    [["--prune", "10"], /between 0 and 1/],
    [["--criterion", "magic"], /data, bn, l1, l2/],
  ])("%j", async (flags, message) => {
    const { code, stderr } = await cli(["compress", "--data", path("data"), ...FAST, ...flags]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test("labels of classes that the model lacks, before anything is pruned", async () => {
    const labelled = await scratchFolder();
    for (const name of ["images", "labels"]) await mkdir(join(labelled, name));
    await cp(EXAMPLE, join(labelled, "images", "a.png"));
    await writeFile(join(labelled, "labels", "a.txt"), "99 0.5 0.5 0.1 0.1\n");
    const { code, stdout, stderr } = await cli(["compress", "--data", labelled, ...FAST, "--prune", "0.1"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/its labels use class 99 \(1 label\)(?!.*--single-cls)/)]);
    expect(stdout).not.toMatch(/Pruned/);
  });

  test("classification models are refused", async () => {
    const { code, stderr } = await cli([
      ...["compress", "--data", path("data"), "--weights", "random:yolov5n-cls", "--backend", "wasm"],
    ]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is a classification model/)]);
  });
});
