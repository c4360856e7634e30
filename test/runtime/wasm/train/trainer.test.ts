/** Training on WASM: gradients of every op against PyTorch, ten steps of a network, threads, recomputation. */

import { afterAll, describe, expect, it } from "vitest";
import { openWasmTrainer } from "../../../../src/node/trainers.js";
import type { TrainingGraph } from "../../../../src/ops/gradients/index.js";
import type { Trainer } from "../../../../src/runtime/trainer.js";
import { cases, expectGradients, expectTen, smallTraining, trainingOf, trainTen } from "../../training.js";

const open: Trainer[] = [];
afterAll(() => {
  for (const trainer of open) trainer.dispose();
});

async function trainerOf(graph: TrainingGraph, options: Parameters<typeof openWasmTrainer>[1] = {}): Promise<Trainer> {
  const trainer = await openWasmTrainer(graph, { threads: 1, ...options });
  open.push(trainer);
  return trainer;
}

describe("gradients on WASM equal PyTorch's", () => {
  const builds = [
    ["relaxed", 1],
    ["scalar", 1],
    ["relaxed", 3],
  ] as const;
  it.each(builds)("of every op: %s, %i threads", async (instructions, threads) => {
    for (const c of cases) {
      const made = trainingOf(c);
      const trainer = await openWasmTrainer(made.training, { instructions, threads, extra: made.extra });
      await expectGradients(c, made, trainer, 5e-6);
      trainer.dispose();
    }
  });
});

describe("a small network", () => {
  it("has the same weights as in PyTorch after ten steps", async () => {
    const trainer = await trainerOf(smallTraining());
    expectTen(trainer, await trainTen(trainer));
  });

  it("gives the same bits with any number of threads", async () => {
    const one = await trainerOf(smallTraining());
    await trainTen(one);
    const other = await trainerOf(smallTraining(), { threads: 3 });
    await trainTen(other);
    for (const [i, { data }] of other.parameters.entries()) expect(data).toEqual(one.parameters[i].data);
  });
});
