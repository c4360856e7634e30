/** What channels do to the outputs, by gradients: against small changes, and the random gradients against the forms they stand for. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { channelEffects } from "../../src/compress/gradients/channelEffects.js";
import { gatedGraph } from "../../src/compress/gradients/gates.js";
import { headMaps } from "../../src/compress/gradients/headMaps.js";
import { outputSeeds } from "../../src/compress/gradients/seeds.js";
import { openWasmTrainer } from "../../src/node/trainers.js";
import { openWasm } from "../../src/node/wasm.js";
import type { NodeOf } from "../../src/ops/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import { seededRandom } from "../../src/tensor/index.js";
import { codes, noise } from "./support.js";

let backend: Backend;
beforeAll(async () => {
  backend = await openWasm({ threads: 1 });
});
afterAll(() => backend.dispose());

const openTrainer = (graph: Parameters<typeof openWasmTrainer>[0], options = {}) =>
  openWasmTrainer(graph, { threads: 1, ...options });

describe("gates", () => {
  const READER = "model.4.cv1.conv";

  test("change nothing, and their gradients are those of small changes", async () => {
    const { module } = codes();
    const input = noise(64, 64);
    const { graph, head } = headMaps(module, [1, 3, 64, 64]);
    const [expected] = await withOutputs(async () => ({ graph }));
    const { gates, training } = gatedGraph(graph, new Set([READER]));
    expect(gates).toHaveLength(1);
    // cv2 reads the same value, but is not asked for.
    expect(gates[0].readers).toEqual([READER]);
    const shapes = training.results.map((id) => training.values[id].shape);
    const trainer = await openTrainer(training);
    try {
      const outputs = (await trainer.forward([input.data])).map((map) => map.slice());
      for (const [i, { data }] of expected.entries()) {
        for (let k = 0; k < data.length; k += 97) expect(outputs[i][k]).toBeCloseTo(Number(data[k]), 3);
      }
      const seeds = outputSeeds(head, shapes, outputs, seededRandom(7));
      const [factors, offsets] = (await trainer.backward(seeds)).map((gradient) => gradient.slice());
      for (const [parameter, gradient] of [factors, offsets].entries()) {
        for (const channel of [0, 3, 7]) {
          const along = async (step: number): Promise<number> => {
            trainer.parameters[parameter].data[channel] += step;
            await trainer.update();
            const changed = await trainer.forward([input.data]);
            const value = changed.reduce((sum, map, i) => sum + map.reduce((s, v, k) => s + v * seeds[i][k], 0), 0);
            trainer.parameters[parameter].data[channel] -= step;
            return value;
          };
          const slope = ((await along(0.02)) - (await along(-0.02))) / 0.04;
          const scale = Math.max(...gradient.map(Math.abs));
          expect(Math.abs(slope - gradient[channel])).toBeLessThan(0.02 * scale);
        }
      }
    } finally {
      trainer.dispose();
    }

    async function withOutputs(make: () => Promise<{ graph: typeof graph }>) {
      const executable = await backend.compile((await make()).graph);
      const outputs = (await executable.run([input])).map(({ data, shape }) => ({ data: data.slice(), shape }));
      executable.dispose();
      return [outputs];
    }
  });

  test("costs and products are those of the gradients, mean over draws", async () => {
    const { module } = codes();
    const input = noise(64, 64);
    const mean = Float64Array.from({ length: 32 }, (_, c) => 0.1 * c);
    const [effect] = await channelEffects(module, new Set([READER]), [input], openTrainer, {
      draws: 2,
      means: new Map([[READER, mean]]),
    });
    const { graph, head } = headMaps(module, [1, 3, 64, 64]);
    const { training, passed } = gatedGraph(graph, new Set([READER]));
    const shapes = training.results.map((id) => training.values[id].shape);
    const trainer = await openTrainer(training, { extra: passed });
    const random = seededRandom(7);
    const costs = new Float64Array(effect.channels);
    const products = new Float64Array(effect.channels ** 2);
    // 64 px ÷ 8: fewer pixels than are sampled, so that all of them count.
    const pixels = 64;
    for (let draw = 0; draw < 2; draw++) {
      const outputs = await trainer.forward([input.data]);
      const [factors, offsets, map] = await trainer.backward(outputSeeds(head, shapes, outputs, random));
      expect(map).toHaveLength(effect.channels * pixels);
      for (let c = 0; c < effect.channels; c++) {
        costs[c] += (factors[c] - mean[c] * offsets[c]) ** 2 / 2;
        for (let d = 0; d < effect.channels; d++) {
          for (let p = 0; p < pixels; p++) {
            products[c * effect.channels + d] += (map[c * pixels + p] * map[d * pixels + p]) / 2;
          }
        }
      }
    }
    trainer.dispose();
    for (const [found, wanted] of [
      [effect.costs, costs],
      [effect.gradients, products],
    ]) {
      const scale = Math.max(...wanted.map(Math.abs));
      expect(Math.max(...found.map((v, i) => Math.abs(v - wanted[i])))).toBeLessThan(1e-6 * scale);
      expect(scale).toBeGreaterThan(0);
    }
  });
});

/** All sequences of signs, as random numbers. */
function* signs(count: number): Generator<() => number> {
  for (let bits = 0; bits < 2 ** count; bits++) {
    let at = 0;
    yield () => ((bits >> at++) & 1 ? 0.75 : 0.25);
  }
}

describe("random gradients of outputs", () => {
  test("classification: products are those of Fisher's information, diag p − p·pᵀ", () => {
    const logits = Float32Array.of(0.5, -1, 2);
    const powers = logits.map(Math.exp);
    const p = [...powers].map((v) => v / powers.reduce((a, b) => a + b, 0));
    const sums = new Float64Array(9);
    for (const random of signs(3)) {
      const [seed] = outputSeeds(undefined, [[1, 3]], [logits], random);
      for (let k = 0; k < 9; k++) sums[k] += (seed[Math.floor(k / 3)] * seed[k % 3]) / 8;
    }
    for (let k = 0; k < 9; k++) {
      const [i, j] = [Math.floor(k / 3), k % 3];
      expect(sums[k]).toBeCloseTo((i === j ? p[i] : 0) - p[i] * p[j], 6);
    }
  });

  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const distance = (p: number, q: number): number => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));

  test("boxes with anchors: squares are the curvature of the scores' distance, and boxes count where there is one", () => {
    const attrs = { anchors: [[16, 32]], strides: [8], outputs: 7, maskCoefficients: 0 };
    const head = { type: "detect", attrs } as unknown as NodeOf<"detect">;
    // One anchor, two cells: an object in the first, nothing in the second.
    const cells = [
      [0.3, 1, -8],
      [-0.2, 0, 0],
      [0.4, 0, 0],
      [-0.6, 0, 0],
      [1.2, 0, -8],
      [0.7, 0, 0],
      [-2, 0, 0],
    ];
    const map = Float32Array.from(cells.flatMap(([first, , second]) => [first, second]));
    const [seed] = outputSeeds(head, [[1, 7, 1, 2]], [map], seededRandom(1));
    const square = (row: number, cell: number): number => seed[row * 2 + cell] ** 2;
    const step = 1e-3;
    const curvature = (logit: number): number => (2 * distance(sigmoid(logit), sigmoid(logit + step))) / step ** 2;
    const sure = sigmoid(1.2);
    expect(square(4, 0)).toBeCloseTo(curvature(1.2), 3);
    expect(square(4, 1)).toBeCloseTo(curvature(-8), 3);
    for (const row of [5, 6]) expect(square(row, 0)).toBeCloseTo(sure * curvature(map[row * 2]), 3);
    // x ÷ width and log width of the decoded box, squared and times fifty.
    const width = (v: number): number => (2 * sigmoid(v)) ** 2 * 2;
    const shift = (2 * (sigmoid(0.3 + step) - sigmoid(0.3))) / step / width(0.4);
    const stretch = Math.log(width(0.4 + step) / width(0.4)) / step;
    expect(square(0, 0)).toBeCloseTo(50 * sure * shift ** 2, 1);
    expect(square(2, 0)).toBeCloseTo(50 * sure * stretch ** 2, 1);
    for (const row of [0, 1, 2, 3, 5, 6]) expect(square(row, 1)).toBe(0);
  });

  test("boxes without anchors: classes everywhere, distances where one of them is likely", () => {
    const attrs = { strides: [8], bins: [0, 1], classes: 2, extras: 1, keypointSize: 0, corners: false };
    const head = { type: "detectAnchorFree", attrs } as unknown as NodeOf<"detectAnchorFree">;
    const scores = Float32Array.of(1, -9, -1, -9);
    const shapes = [
      [1, 8, 1, 2],
      [1, 2, 1, 2],
      [1, 1, 1, 2],
    ];
    const [boxes, classes, extras] = outputSeeds(
      head,
      shapes,
      [new Float32Array(16), scores, new Float32Array(2)],
      seededRandom(1),
    );
    for (const [k, score] of scores.entries()) {
      expect(classes[k] ** 2).toBeCloseTo(sigmoid(score) * (1 - sigmoid(score)), 6);
    }
    const energy = (cell: number): number => boxes.reduce((sum, v, k) => sum + (k % 2 === cell ? v * v : 0), 0);
    expect(energy(0)).toBeCloseTo(50 * sigmoid(1), 3);
    expect(energy(1)).toBe(0);
    expect(extras[0] ** 2).toBeCloseTo(0.1 * sigmoid(1), 6);
    expect(extras[1]).toBe(0);
  });
});
