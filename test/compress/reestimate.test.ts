/** Re-estimation after pruning: exact where nothing was lost, and each of its parts brings the outputs back nearer. */

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { channelMoments } from "../../src/compress/calibration/moments.js";
import { calibrationInputs, spread } from "../../src/compress/calibration/pictures.js";
import { reestimate } from "../../src/compress/calibration/reestimate.js";
import { regressChannels } from "../../src/compress/calibration/regression.js";
import { planPruning, pruneTo } from "../../src/compress/prune/pruneChannels.js";
import { keptCounts, removedUnits } from "../../src/compress/prune/select.js";
import { pruneUnstructured } from "../../src/compress/prune/unstructured.js";
import { decodeImage } from "../../src/image/index.js";
import { openWasm } from "../../src/node/wasm.js";
import type { Backend } from "../../src/runtime/backend.js";
import { compare, type Float32Tensor, tensor } from "../../src/tensor/index.js";
import { collectStateDict } from "../../src/weights/index.js";
import { EXAMPLE } from "../cli/support.js";
import { codes, noise, outputsOf } from "./support.js";

let backend: Backend;
let inputs: Float32Tensor[];

beforeAll(async () => {
  backend = await openWasm();
  const image = await decodeImage(new Uint8Array(readFileSync(EXAMPLE)));
  const half = (left: number) => ({
    width: image.width / 2,
    height: image.height,
    data: Uint8Array.from({ length: (image.width / 2) * image.height * 3 }, (_, i) => {
      const y = Math.floor(i / 3 / (image.width / 2));
      const x = (Math.floor(i / 3) % (image.width / 2)) + left;
      return image.data[(y * image.width + x) * 3 + (i % 3)];
    }),
  });
  const samples = [0, image.width / 2].map((left) => {
    const part = half(left);
    return { name: `part ${left}`, width: part.width, height: part.height, load: async () => part };
  });
  inputs = await calibrationInputs(samples, { count: 2, imgsz: 256, stride: 32 });
});
afterAll(() => backend.dispose());

describe("re-estimation", () => {
  test("changes nothing if nothing was pruned", async () => {
    const { module } = codes();
    const same = await reestimate(module, module, inputs, backend, { reconstruct: false });
    const before = collectStateDict(module);
    for (const [name, after] of collectStateDict(same)) {
      const was = before.get(name);
      expect([name, was && compare(after, was).maxAbs]).toEqual([name, 0]);
    }
  });

  test("statistics bring the outputs closer again, and reconstruction even closer", async () => {
    const { module } = codes();
    const plan = planPruning(module, "l2");
    const { groups } = plan.grouping;
    const counts = keptCounts(groups, plan.scores, { amount: 0.15, scope: "global", round: 4 });
    const removed = removedUnits(groups, plan.scores, counts);
    const { module: pruned } = pruneTo(plan, counts);
    const keptOf = (value: number) => plan.map.unitsOf(value).flatMap((unit, i) => (removed.has(unit) ? [] : [i]));
    const statistics = await reestimate(module, pruned, inputs, backend, { keptOf, reconstruct: false });
    const both = await reestimate(module, pruned, inputs, backend, { keptOf });
    const [expected] = await outputsOf(module, backend, inputs[0]);
    const error = async (candidate: typeof module): Promise<number> => {
      const [output] = await outputsOf(candidate, backend, inputs[0]);
      return scoreError(output.data as Float32Array, expected.data as Float32Array, expected.shape[2]);
    };
    const errors = [await error(pruned), await error(statistics), await error(both)];
    expect(errors[1]).toBeLessThan(0.8 * errors[0]);
    expect(errors[2]).toBeLessThan(0.8 * errors[1]);
    const dtypes = (m: typeof module) => [...collectStateDict(m).values()].map(({ dtype }) => dtype);
    expect(dtypes(both)).toEqual(dtypes(pruned));
  });

  test("leaves zeroed weights at zero", async () => {
    const { module } = codes();
    const { module: sparse } = pruneUnstructured(module, 0.3);
    const corrected = await reestimate(module, sparse, inputs, backend, { reconstruct: false });
    const weights = collectStateDict(sparse);
    for (const [name, after] of collectStateDict(corrected)) {
      if (name.endsWith("conv.weight")) expect(after).toBe(weights.get(name));
    }
  });
});

/** Mean squared difference of objectness. */
function scoreError(actual: Float32Array, expected: Float32Array, columns: number): number {
  let sum = 0;
  for (let i = 4; i < expected.length; i += columns) sum += (actual[i] - expected[i]) ** 2;
  return sum;
}

describe("the parts", () => {
  test("moments are those over pictures and pixels", async () => {
    const a = tensor("float32", [1, 2, 1, 2], Float32Array.of(1, 3, 1e6, 1e6 + 1));
    const b = tensor("float32", [1, 2, 1, 2], Float32Array.of(5, 7, 1e6 + 2, 1e6 + 3));
    const { mean, variance } = await channelMoments([a, b]);
    expect([...mean]).toEqual([4, 1e6 + 1.5]);
    expect([...variance]).toEqual([5, 1.25]);
  });

  test("a channel that is a mixture of others is reconstructed", async () => {
    const left = noise(40, 50);
    const { data } = left;
    const plane = 2000;
    const full = tensor("float32", [1, 4, 40, 50]);
    full.data.set(data);
    for (let i = 0; i < plane; i++) full.data[3 * plane + i] = 2 * data[i] - 0.5 * data[plane + i] + 7;
    const { matrix, offset } = await regressChannels([full], [left], [0, 1, 2]);
    const row = (i: number) => [...matrix.subarray(3 * i, 3 * i + 3)];
    for (const [i, expected] of [
      [0, [1, 0, 0]],
      [1, [0, 1, 0]],
      // Drawn towards nothing by λ, 5 % of the (equal) variances.
      [3, [2 / 1.05, -0.5 / 1.05, 0]],
    ] as const) {
      for (const [j, v] of row(i).entries()) expect(Math.abs(v - expected[j])).toBeLessThan(0.02);
    }
    // Means are exact.
    const mean = (c: number): number =>
      full.data.subarray(c * plane, (c + 1) * plane).reduce((a, b) => a + b, 0) / plane;
    const predicted = offset[3] + [0, 1, 2].reduce((sum, c) => sum + matrix[9 + c] * mean(c), 0);
    expect(predicted).toBeCloseTo(mean(3), 4);
  });

  test("calibration pictures are spread over the data set and share one size", async () => {
    expect(spread([0, 1, 2, 3, 4, 5, 6, 7], 3)).toEqual([0, 2, 5]);
    expect(spread([1, 2], 9)).toEqual([1, 2]);
    const picture = (width: number, height: number) => ({
      name: `${width}`,
      width,
      height,
      load: async () => ({ width, height, data: new Uint8Array(width * height * 3).fill(200) }),
    });
    const made = await calibrationInputs([picture(300, 200), picture(200, 300), picture(301, 200)], {
      count: 3,
      imgsz: 128,
      stride: 32,
    });
    expect(made.map(({ shape }) => shape)).toEqual([
      [1, 3, 96, 128],
      [1, 3, 96, 128],
      [1, 3, 96, 128],
    ]);
    for (const { data } of made) expect(data.every((v) => Math.abs(v - 200 / 255) < 1e-6)).toBe(true);
    await expect(calibrationInputs([], { count: 3, imgsz: 128, stride: 32 })).rejects.toThrow(/at least one picture/);
  });
});
