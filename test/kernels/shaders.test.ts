/** Every kernel in every variant compiles: Dawn's null backend validates WGSL, layouts and bindings without a GPU. */

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ShaderCompileError } from "../../src/errors.js";
import {
  anchorFreeCandidatesCall,
  defineKernel,
  detectCandidatesCall,
  findOverflowCall,
  kernelText,
  letterboxCall,
  maxPoolChainCall,
  paramsBytes,
  storedTensor,
} from "../../src/kernels/wgsl/index.js";
import { firstOf } from "../../src/runtime/webgpu/choose/convKernels.js";
import { DeviceContext } from "../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../src/runtime/webgpu/device/pipelineCache.js";
import { CONV_KERNELS } from "../../src/runtime/webgpu/index.js";
import { lowerGraph } from "../../src/runtime/webgpu/lower/lowerGraph.js";
import { createTrainingPlan } from "../../src/runtime/webgpu/train/program.js";
import { cases, trainingOf } from "../runtime/training.js";
import { buildCase, CONV_CASES, GROUP_CASES, OTHER_CASES } from "../support/cases/index.js";
import { REPOSITORY } from "../support/reference.js";
import { webgpuOrSkip } from "../support/webgpu.js";

const gpu = await webgpuOrSkip(["backend=null"]);
const KERNELS = join(REPOSITORY, "src", "kernels", "wgsl");
/** Appended to other kernels, not run by themselves. */
const MODULES = new Set([
  "activation",
  "conv_window",
  "decode",
  "decode_anchor_free",
  "pixels_bytes",
  "pixels_texture",
  "score",
  "storage_f16",
  "storage_f32",
  "weights_bytes",
  "weights_float",
]);

describe.skipIf(!gpu)("shaders", () => {
  let context: DeviceContext;
  let pipelines: PipelineCache;
  const compiled = new Set<string>();
  beforeAll(async () => {
    if (!gpu) return;
    context = await DeviceContext.create({ gpu });
    pipelines = new PipelineCache(context);
  });
  afterAll(() => context?.dispose());

  it.each([...CONV_KERNELS])("compile in all cases with %s", async (_, kernel) => {
    for (const opCase of [...OTHER_CASES, ...CONV_CASES, ...GROUP_CASES]) {
      const { graph } = buildCase(opCase);
      const steps = [false, true].flatMap((half) => lowerGraph(graph, { choice: firstOf([kernel]), half }).steps);
      for (const { call } of steps) {
        await pipelines.pipeline(call, new Set());
        if (/\bWeights\b/.test(call.kernel.source)) await pipelines.pipeline({ ...call, byteWeights: true }, new Set());
        if (call.params) paramsBytes(call.kernel, call.params);
        // As where inputs and output are slices of one concat.
        const reads = call.kernel.bindings.flatMap(({ access }, i) => (access === "read" ? [i] : []));
        await pipelines.pipeline(call, new Set(reads));
        compiled.add(call.kernel.name);
      }
    }
  });

  it("compile for training", async () => {
    const graphs = cases.map((c) => trainingOf(c).training);
    for (const graph of graphs) {
      for (const { call } of createTrainingPlan(graph, firstOf([])).steps) {
        await pipelines.pipeline(call, new Set());
        if (call.params) paramsBytes(call.kernel, call.params);
        const reads = call.kernel.bindings.flatMap(({ access }, i) => (access === "read" ? [i] : []));
        await pipelines.pipeline(call, new Set(reads));
        compiled.add(call.kernel.name);
      }
    }
  });

  it("compile the search for numbers beyond float16", async () => {
    await pipelines.pipeline(findOverflowCall(storedTensor(1, 4, 2, 2, 8), 0), new Set());
    compiled.add("find_overflow");
  });

  it("compile three pools in one", async () => {
    for (const pixelBytes of [16, 8] as const) {
      const call = { ...maxPoolChainCall(storedTensor(1, 4, 20, 20, pixelBytes), 5), half: pixelBytes === 8 };
      for (const shared of [new Set<number>(), new Set([0, 1, 2])]) await pipelines.pipeline(call, shared);
      compiled.add(call.kernel.name);
    }
  });

  it("compile the letterbox", async () => {
    const content = { x: 0, y: 0, contentWidth: 1, contentHeight: 1, index: 0, grey: 114 };
    const sizes = { ...content, width: 4, height: 4, sourceWidth: 1, sourceBytes: 3 };
    for (const from of ["bytes", "texture"] as const) await pipelines.pipeline(letterboxCall(sizes, from), new Set());
    compiled.add("letterbox");
  });

  it("compile the search for candidates", async () => {
    for (const pixelBytes of [16, 8] as const) {
      const input = storedTensor(1, 21, 2, 2, pixelBytes);
      const level = { input, anchors: 3, outputs: 7, maskCoefficients: 0, rows: 12, firstRow: 0, stride: 8 };
      const [boxes, scores] = [64, 5].map((channels) => storedTensor(1, channels, 2, 2, pixelBytes));
      const format = { bins: 16, classes: 5, extras: 0, keypointSize: 0, corners: false, others: undefined };
      const anchorFree = { ...format, boxes, scores, rows: 4, firstRow: 0, stride: 8 };
      for (const call of [detectCandidatesCall(level, 4, 0.25), anchorFreeCandidatesCall(anchorFree, 4, 0.25)]) {
        await pipelines.pipeline(call, new Set());
        if (call.params) paramsBytes(call.kernel, call.params);
        compiled.add(call.kernel.name);
      }
    }
  });

  it("are all covered by a case", () => {
    const files = readdirSync(KERNELS, { recursive: true, encoding: "utf8" }).flatMap((file) =>
      file.endsWith(".wgsl") ? [basename(file, ".wgsl")] : [],
    );
    expect(files.length).toBeGreaterThan(30);
    const missing = files.filter((file) => !compiled.has(file) && !MODULES.has(file));
    expect(missing).toEqual([]);
  });

  it("that do not compile are reported with kernel, line and column", async () => {
    const kernel = defineKernel("broken", "fn main() {\n  let x: u32 = 1.5;\n}", { y: "write" });
    const call = { kernel, overrides: {}, workgroups: [1, 1, 1] as const };
    const outcome = pipelines.pipeline(call, new Set());
    await expect(outcome).rejects.toBeInstanceOf(ShaderCompileError);
    await expect(outcome).rejects.toThrow(/broken\.wgsl:\d+:\d+: /);
  });

  describe("Params", () => {
    const text = "struct Params {\n  // The first: of two.\n  count: u32, left: u32,\n  factor: f32,\n}\n";
    const kernel = defineKernel("scale", text, { y: "write" });

    it("are laid out like the shader's struct, whatever their order in the call", () => {
      const bytes = paramsBytes(kernel, { factor: 0.5, left: -1, count: 7 });
      expect([...new Uint32Array(bytes.buffer, 0, 2)]).toEqual([7, 0xffffffff]);
      expect([...new Float32Array(bytes.buffer, 8, 1)]).toEqual([0.5]);
      expect(bytes.length).toBe(16);
    });

    it.each([
      ["lacks one", { count: 1, left: 1 }, "scale: no value for Params.factor"],
      ["has one too many", { count: 1, left: 1, factor: 1, top: 1 }, "scale: unknown Params member"],
    ])("are refused if the call %s", (_, values, message) => {
      expect(() => paramsBytes(kernel, values)).toThrow(message);
    });

    it("bind a buffer only if the shader has them", () => {
      expect(kernel.bindings.map(({ access }) => access)).toEqual(["write", "uniform"]);
      expect(defineKernel("plain", "fn main() {}", { y: "write" }).bindings).toHaveLength(1);
    });
  });

  it("the header goes between the directives and the text", () => {
    const kernel = defineKernel("k", "// Text.\nenable subgroups;\nconst B = A;", { y: "write" });
    const call = { kernel, overrides: {}, header: { A: 4 }, workgroups: [1, 1, 1] as const };
    expect(kernelText(call).replace(/\n+/g, "\n")).toBe("enable subgroups;\nconst A = 4u;\n// Text.\nconst B = A;");
  });
});
