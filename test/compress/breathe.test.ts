/** Long work of pruning lets timers and signals in between, and ends when it is aborted. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { Breather, type Pieces } from "../../src/breathe.js";
import { channelMoments } from "../../src/compress/calibration/moments.js";
import { inverse, regressChannels } from "../../src/compress/calibration/regression.js";
import { moduleFlopsPieces } from "../../src/compress/flops.js";
import { ChannelPruner } from "../../src/compress/index.js";
import { planPruning, planPruningPieces, pruneToPieces } from "../../src/compress/prune/pruneChannels.js";
import { smallestIndexPieces, smallestIndices } from "../../src/compress/prune/smallest.js";
import { convolutionWeights, pruneUnstructuredPieces } from "../../src/compress/prune/unstructured.js";
import { calibrate, planQuantization, quantizeModulePieces } from "../../src/compress/quantize/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { exportedTensorPieces } from "../../src/yolov5/checkpoint/exportSafetensors.js";
import { createMember, randomModelPieces } from "../../src/yolov5/loadModel.js";
import { codes, noise } from "./support.js";

afterEach(() => vi.restoreAllMocks());

/** Every look at the clock sees a second more, so that whoever looks rests at once, however fast the machine. */
function slowClock(): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
}

/** Aborted by the event loop: only work that gives it a turn hears of it. */
function abortSoon(): AbortSignal {
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  return abort.signal;
}

describe("aborted work", () => {
  const map = tensor("float32", [1, 32, 8, 8]);
  const random = seededRandom(3);
  for (let i = 0; i < map.data.length; i++) map.data[i] = random();
  const matrix = Float64Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 2 : 0.01));
  const kept = Array.from({ length: 32 }, (_, i) => i);

  test.each([
    ["regression", (breather: Breather) => regressChannels([map], [map], kept, breather)],
    ["inverse", (breather: Breather) => inverse(matrix, 32, breather)],
    ["moments", (breather: Breather) => channelMoments([map, map, map, map], breather)],
  ])("%s", async (_, work) => {
    slowClock();
    await expect(work(new Breather(abortSoon()))).rejects.toThrow(/abort/i);
  });

  test("gives the same result if it is not aborted", async () => {
    const plain = await regressChannels([map], [map], kept);
    slowClock();
    expect(await regressChannels([map], [map], kept, new Breather())).toEqual(plain);
  });

  test("the search for a fraction of the operations", async () => {
    const { module } = codes();
    const abort = new AbortController();
    const options = { criterion: "l2", scope: "global", signal: abort.signal } as const;
    const pruner = await ChannelPruner.prepare(module, [noise(64, 64)], createCpuBackend(), options);
    expect(await pruner.findCountsForFlops(0.8)).toEqual(pruner.countsForFlops(0.8));
    slowClock();
    setImmediate(() => abort.abort());
    await expect(pruner.findCountsForFlops(0.8)).rejects.toThrow(/abort/i);
  });
});

describe("loops over all weights run in pieces", () => {
  const opened = codes();
  const { module } = opened;
  const convolutions = convolutionWeights(module).length;
  const plan = planPruning(module);
  const counts = plan.grouping.groups.map(({ units }) => Math.ceil(units.length / 2));

  test.each<[string, () => Pieces<unknown>]>([
    ["unstructured pruning", () => pruneUnstructuredPieces(module, 0.3)],
    ["scores", () => planPruningPieces(module, "l1")],
    ["cutting", () => pruneToPieces(plan, counts)],
    ["counting operations", () => moduleFlopsPieces(module, [64, 64])],
    ["float16", () => exportedTensorPieces(module, { half: true })],
    ["random weights", () => randomModelPieces("yolov5n", 3)],
  ])("%s", (_, pieces) => {
    // Every convolution is a piece, but for those that keep their channels.
    expect([...pieces()].length).toBeGreaterThan(0.6 * convolutions);
  });

  test("int8", async () => {
    const { network } = createMember(opened, createCpuBackend(), { path: "codes" });
    const quantized = planQuantization(module, network.build([1, 3, 64, 64]).graph);
    const calibration = await calibrate(createCpuBackend(), quantized, [noise(64, 64)], { method: "minmax" });
    expect([...quantizeModulePieces(module, quantized, calibration)].length).toBeGreaterThan(convolutions);
  });

  test("choosing the smallest among millions", () => {
    const draw = seededRandom(1);
    const values = Float32Array.from({ length: 5e6 }, draw);
    expect([...smallestIndexPieces(values, 1e6)].length).toBeGreaterThan(5);
    const chosen = smallestIndices(values, 1e6);
    const most = chosen.reduce((largest, index) => Math.max(largest, values[index]), 0);
    expect(values.reduce((count, value) => count + (value <= most ? 1 : 0), 0)).toBe(1e6);
  });
});
