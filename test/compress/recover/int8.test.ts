/** Recovery for int8: what training rounds is what the int8 network rounds, and runs go on to the same bits. */

import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { headMaps } from "../../../src/compress/headMaps.js";
import { calibratedLike, convertTree } from "../../../src/compress/quantize/calibrated.js";
import { type CalibratedTree, calibrateTree } from "../../../src/compress/quantize/quantize.js";
import { quantizeWeight } from "../../../src/compress/quantize/weights.js";
import { closestPoint, roundingOf, withRoundedWeights } from "../../../src/compress/recover/int8.js";
import type { RecoverOptions } from "../../../src/compress/recover/options.js";
import { splitPictures } from "../../../src/compress/recover/pictures.js";
import { recover } from "../../../src/compress/recover/recover.js";
import { studentOf } from "../../../src/compress/recover/student.js";
import { crop, decodeImage } from "../../../src/image/index.js";
import { openTrainer, openWasmTrainer } from "../../../src/node/trainers.js";
import { openWasm } from "../../../src/node/wasm.js";
import type { TrainingGraph } from "../../../src/ops/gradients/index.js";
import { collectStateDict } from "../../../src/weights/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { dequantizeWeight, isQuantized } from "../../../src/yolov5/checkpoint/quantized.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { letterbox, toTensor } from "../../../src/yolov5/input/letterbox.js";
import { EXAMPLE } from "../../cli/support.js";
import { float32Of, float64Of } from "../../ops/fixture.js";
import { readGradientFixture, relativeError } from "../../ops/gradients/fixture.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";
import { codes, noise } from "../support.js";

const gpu = await webgpuOrSkip();
const backend = await openWasm({ threads: 1 });
afterAll(() => backend.dispose());

const SHAPE = [1, 3, 64, 64] as const;
const { module } = codes();
const example = await decodeImage(await readFile(EXAMPLE));

/** With ReLU: what SiLU gives in an epilogue is exact to eight bits only. */
function withRelu(tree: ModuleNode): ModuleNode {
  const children = new Map([...tree.children].map(([name, child]) => [name, withRelu(child)]));
  return { ...tree, type: tree.type === "SiLU" ? "ReLU" : tree.type, children };
}

async function calibrated(tree: ModuleNode, head = false): Promise<CalibratedTree> {
  async function* inputs() {
    for (const side of [160, 200, 240]) {
      const part = crop(example, { x: 0, y: 0, width: side, height: side });
      yield toTensor([letterbox(part, { size: [64, 64], stride: 32, auto: false }).image]);
    }
  }
  const { graph } = buildGraph(tree, SHAPE);
  return calibrateTree(backend, tree, graph, inputs(), { method: "percentile", imgsz: [64, 64], head });
}

it("weights are rounded as PyTorch's fake_quantize_per_channel_affine does, with the same gradient", async () => {
  const { weights } = readGradientFixture();
  const { weight, scales } = quantizeWeight(float32Of(weights.weight));
  expect(relativeError(dequantizeWeight(weight, scales.data), float64Of(weights.rounded))).toBeLessThan(1e-7);
  // Nothing is clipped, so all of it passes.
  expect(float64Of(weights.gradient).data).toEqual(float64Of(weights.dy).data);

  const inner = { name: "w", shape: weight.shape, data: float32Of(weights.weight).data };
  const stub = { parameters: [inner], bytes: 0, update: async () => undefined, dispose: () => undefined };
  const passes = { forward: async () => [], backward: async (seeds: readonly Float32Array[]) => seeds };
  const trainer = await withRoundedWeights({ ...stub, ...passes }, new Set(["w"]));
  expect(trainer.parameters[0].data).toEqual(float32Of(weights.weight).data);
  expect(inner.data).toEqual(dequantizeWeight(weight, scales.data).data);
  trainer.parameters[0].data.fill(0.25);
  await trainer.update();
  expect([...new Set(inner.data)]).toEqual([0.25]);
});

describe.each([
  ["int8", false],
  ["int8, head in bytes", true],
])("the student of %s", (_, head) => {
  it("gives what the int8 network gives", async () => {
    const relu = withRelu(module);
    const int8 = await calibrated(relu, head);
    const input = noise(64, 64, 4);
    const run = async (tree: ModuleNode, dtype: "int8" | "float32"): Promise<Float32Array[]> => {
      const executable = await backend.compile(headMaps(tree, SHAPE).graph, { dtype });
      const outputs = await executable.run([input]);
      executable.dispose();
      return outputs.map(({ data }) => data as Float32Array);
    };
    const wanted = await run((await convertTree(relu, int8)).module, "int8");
    const exact = await run(relu, "float32");
    const rounding = roundingOf(int8);
    expect(rounding.inputs.size - rounding.weights.size).toBe(int8.facts.head ?? 0);
    const student = studentOf(relu, SHAPE, { rounded: rounding.inputs });
    const trainer = await withRoundedWeights(await openWasmTrainer(student.training), rounding.weights);
    const given = await trainer.forward([input.data]);
    const distance = (maps: readonly Float32Array[]): number =>
      maps.reduce((sum, map, i) => sum + map.reduce((own, value, k) => own + (value - wanted[i][k]) ** 2, 0), 0);
    // Where a value is half-way between two steps, sums in another order may take the other one.
    expect(distance(given)).toBeLessThan(0.01 * distance(exact));
    trainer.dispose();
  });
});

describe("a run", () => {
  const pictures = Array.from({ length: 9 }, (_, i) => {
    const image = crop(example, { x: 40 * (i % 3), y: 40 * Math.floor(i / 3), width: 160, height: 160 });
    return { name: `part ${i}`, width: 160, height: 160, load: async () => image };
  });
  let int8: CalibratedTree;
  beforeAll(async () => {
    int8 = await calibrated(module);
  });
  const options = (own: Partial<RecoverOptions> = {}): RecoverOptions => ({
    backend,
    openTrainer: (graph) => openWasmTrainer(graph, { threads: 1 }),
    pictures,
    imgsz: 64,
    limit: { steps: 24 },
    learningRate: 1e-5,
    rounding: roundingOf(int8),
    leastToHoldOut: 2,
    ...own,
  });
  const bytesOf = (tree: ModuleNode): unknown[] => [...collectStateDict(tree)].map(([name, { data }]) => [name, data]);

  /** Ends a run at a step, and goes on. */
  async function interrupted(at: number, own: Partial<RecoverOptions>) {
    const controller = new AbortController();
    let state = new Uint8Array(0);
    const killed = recover(
      module,
      module,
      options({
        ...own,
        signal: controller.signal,
        onProgress: ({ step }) => (step === at ? controller.abort() : undefined),
        onState: async (bytes) => {
          state = Uint8Array.from(bytes());
        },
      }),
    );
    await expect(killed).rejects.toThrow();
    return { state, continued: await recover(module, module, options({ ...own, saved: state })) };
  }

  it("comes closer to the network in float32 on pictures held out, and goes on to the same bits", async () => {
    const whole = await recover(module, module, options());
    expect(whole.pictures).toEqual({ trained: 7, watched: 2 });
    const [first, last] = [whole.curve[0], whole.curve[whole.curve.length - 1]];
    expect(whole.kept).toBe(last);
    expect(last.distance).toBeLessThan(0.9 * first.distance);
    const quantized = await convertTree(whole.module, calibratedLike(whole.module, int8));
    expect([isQuantized(quantized.module), quantized.facts]).toEqual([true, int8.facts]);

    const { state, continued } = await interrupted(9, {});
    expect(continued.curve).toEqual(whole.curve);
    expect(bytesOf(continued.module)).toEqual(bytesOf(whole.module));
    // In float32 it would be another run.
    await expect(recover(module, module, { ...options({ saved: state }), rounding: undefined })).rejects.toThrow(
      /another run/,
    );
  });

  it.skipIf(!gpu)("on WebGPU goes on to the same bits too", async () => {
    const device = await openBackend(gpu as GPU);
    const own = {
      backend: device,
      openTrainer: (graph: TrainingGraph) => openTrainer("webgpu", graph),
      limit: { steps: 4 },
    };
    const whole = await recover(module, module, options(own));
    const { continued } = await interrupted(2, own);
    expect(continued.curve).toEqual(whole.curve);
    expect(bytesOf(continued.module)).toEqual(bytesOf(whole.module));
    device.dispose();
  });
});

it("holds out a fifth of two pictures or more", () => {
  const numbered = [0, 1, 2, 3, 4, 5, 6];
  expect(splitPictures(numbered, 2)).toEqual({ trained: [1, 2, 3, 4, 6], watched: [0, 5], heldOut: true });
  expect(splitPictures([7, 8], 2)).toEqual({ trained: [8], watched: [7], heldOut: true });
  expect(splitPictures([7], 2).heldOut).toBe(false);
});

describe("the point of a curve that is kept", () => {
  const curve = (...points: readonly (readonly [distance: number, agreement?: number])[]) =>
    points.map(([distance, agreement], step) => ({ step, loss: 1, distance, agreement }));

  it.each([
    ["the closest", curve([1], [0.9], [0.7], [0.8]), 2],
    ["the closest of those that find as much as at the start", curve([1, 0.7], [0.9, 0.7], [0.6, 0.69], [0.8, 0.9]), 3],
    ["the start, if none is closer", curve([1, 0.7], [1.1, 0.9], [1, 0.9]), 0],
    ["the start, if those that are closer find less", curve([1, 0.7], [0.5, 0.6], [0.5, 0.69]), 0],
  ])("is %s", (_, points, kept) => {
    expect(closestPoint(points).step).toBe(kept);
  });
});
