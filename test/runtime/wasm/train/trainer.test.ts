/** Training on WASM: gradients of every op against PyTorch, ten steps of a network, threads, recomputation. */

import { afterAll, describe, expect, it } from "vitest";
import { adamWState, adamWStep } from "../../../../src/compress/recover/adamw.js";
import { UnsupportedError } from "../../../../src/errors.js";
import { openWasmTrainer } from "../../../../src/node/trainers.js";
import { backward, type TrainingGraph } from "../../../../src/ops/gradients/index.js";
import type { Trainer } from "../../../../src/runtime/trainer.js";
import { type HostTensor, tensor } from "../../../../src/tensor/index.js";
import { float32Of, float64Of } from "../../../ops/fixture.js";
import {
  type GradientCase,
  graphOfOp,
  readGradientFixture,
  relativeError,
  smallNetwork,
} from "../../../ops/gradients/fixture.js";

const { cases, steps } = readGradientFixture();
/** Ops whose gradients have no kernel: networks with them are refused. */
const REFUSED = ["attention", "layerNorm", "softmax"];

const open: Trainer[] = [];
afterAll(() => {
  for (const trainer of open) trainer.dispose();
});

async function trainerOf(graph: TrainingGraph, options: Parameters<typeof openWasmTrainer>[1] = {}): Promise<Trainer> {
  const trainer = await openWasmTrainer(graph, { threads: 1, ...options });
  open.push(trainer);
  return trainer;
}

/** The case with its data as parameters too, which a training graph gives gradients of. */
function trainingOf(c: GradientCase) {
  const inputs = c.inputs.map(float32Of);
  const { graph, ids, data } = graphOfOp(c, inputs);
  const weights = new Set(ids.filter((_, i) => i >= data && c.gradients[i]));
  const training = backward(graph, c.op === "batchNorm" ? new Set() : weights, ids.slice(0, data));
  // Gradients of inputs are read as those of parameters are.
  const asParameters = ids.slice(0, data).map((value, i) => ({ value, gradient: training.inputGradients[i] }));
  return { inputs, data, ids, training: { ...training, parameters: training.parameters }, asParameters };
}

describe("gradients on WASM equal PyTorch's", () => {
  const supported = cases.filter(({ op }) => !REFUSED.includes(op));
  const builds = [
    ["relaxed", 1],
    ["scalar", 1],
    ["relaxed", 3],
  ] as const;
  it.each(builds)("of every op: %s, %i threads", async (instructions, threads) => {
    for (const c of supported) {
      const { inputs, data, ids, training, asParameters } = trainingOf(c);
      const trainer = await openWasmTrainer(training, { instructions, threads, extra: asParameters });
      await trainer.forward(inputs.slice(0, data).map(({ data: numbers }) => numbers));
      const found = await trainer.backward([float32Of(c.dy).data]);
      const order = [...training.parameters, ...asParameters].map(({ value }) => ids.indexOf(value));
      for (const [k, i] of order.entries()) {
        const expected = c.gradients[i];
        if (!expected) continue;
        const gradient = tensor("float32", expected.shape, found[k].slice());
        expect(relativeError(gradient, float64Of(expected)), `${c.op} ${c.name}: input ${i}`).toBeLessThanOrEqual(5e-6);
      }
      trainer.dispose();
    }
  });

  it("refuses ops without kernels by name", async () => {
    for (const c of cases.filter(({ op }) => REFUSED.includes(op))) {
      await expect(openWasmTrainer(trainingOf(c).training, { threads: 1 })).rejects.toThrow(UnsupportedError);
    }
  });
});

describe("a small network", () => {
  const input = float32Of(steps.input);
  const targets = steps.targets.map(float32Of);
  const training = (): TrainingGraph => {
    const weights = Object.entries(steps.before).map(([name, packed]): [string, HostTensor] => [
      name,
      float32Of(packed),
    ]);
    const graph = smallNetwork(new Map(weights), input.shape);
    return backward(graph, new Set(graph.constants.keys()));
  };
  /** Ten steps of AdamW as PyTorch took them. @returns the losses */
  const train = async (trainer: Trainer): Promise<number[]> => {
    const state = adamWState(trainer.parameters);
    const losses: number[] = [];
    const { learningRate } = steps.settings;
    for (let step = 0; step < 10; step++) {
      const results = await trainer.forward([input.data]);
      let loss = 0;
      const seeds = results.map((y, i) => {
        const { data } = targets[i];
        return y.map((value, k) => {
          loss += (0.5 * (value - data[k]) ** 2) / y.length;
          return (value - data[k]) / y.length;
        });
      });
      losses.push(loss);
      const gradients = await trainer.backward(seeds);
      // PyTorch decays vectors as well.
      const all = trainer.parameters.map(({ data }) => ({ data, shape: [data.length, 1] }));
      adamWStep(all, gradients, state, steps.settings, { learningRate, scale: 1, average: 0 });
      await trainer.update();
    }
    return losses;
  };

  it("has the same weights as in PyTorch after ten steps", async () => {
    const trainer = await trainerOf(training());
    const losses = await train(trainer);
    losses.forEach((loss, i) => {
      expect(Math.abs(loss / steps.losses[i] - 1)).toBeLessThanOrEqual(1e-5);
    });
    expect(steps.losses[9]).toBeLessThan(0.95 * steps.losses[0]);
    for (const { name, shape, data } of trainer.parameters) {
      expect(relativeError(tensor("float32", shape, data), float64Of(steps.after[name])), name).toBeLessThanOrEqual(
        1e-4,
      );
    }
  });

  it("gives the same bits with any number of threads", async () => {
    const one = await trainerOf(training());
    await train(one);
    const other = await trainerOf(training(), { threads: 3 });
    await train(other);
    for (const [i, { data }] of other.parameters.entries()) expect(data).toEqual(one.parameters[i].data);
  });
});
