/** What trainers of all backends must show: the fixture's gradients of ops, and ten steps of its small network as PyTorch took them. */

import { expect } from "vitest";
import { adamWState, adamWStep } from "../../src/compress/recover/adamw.js";
import { backward, type TrainingGraph } from "../../src/ops/gradients/index.js";
import { GraphBuilder } from "../../src/ops/index.js";
import type { Trainer } from "../../src/runtime/trainer.js";
import { type HostTensor, tensor } from "../../src/tensor/index.js";
import { float32Of, float64Of } from "../ops/fixture.js";
import {
  type GradientCase,
  graphOfOp,
  readGradientFixture,
  relativeError,
  smallNetwork,
} from "../ops/gradients/fixture.js";

export const { cases, steps } = readGradientFixture();

/** The case's training graph, and in `extra` its data as if they were parameters too: gradients of these are read alike. */
export function trainingOf(c: GradientCase) {
  const inputs = c.inputs.map(float32Of);
  const { graph, ids, data } = graphOfOp(c, inputs);
  const weights = new Set(ids.filter((_, i) => i >= data && c.gradients[i]));
  const training = backward(graph, weights, ids.slice(0, data));
  const extra = ids.slice(0, data).map((value, i) => ({ value, gradient: training.inputGradients[i] }));
  return { inputs, data, ids, training, extra };
}

/** How far all gradients of a case are from PyTorch's, by the index of the input. */
export async function gradientErrors(
  c: GradientCase,
  { inputs, data, ids, training, extra }: ReturnType<typeof trainingOf>,
  trainer: Pick<Trainer, "forward" | "backward">,
): Promise<{ readonly input: number; readonly error: number }[]> {
  await trainer.forward(inputs.slice(0, data).map(({ data: numbers }) => numbers));
  const found = await trainer.backward([float32Of(c.dy).data]);
  return [...training.parameters, ...extra].flatMap(({ value }, k) => {
    const input = ids.indexOf(value);
    const expected = c.gradients[input];
    if (!expected) return [];
    const gradient = tensor("float32", expected.shape, found[k].slice());
    return [{ input, error: relativeError(gradient, float64Of(expected)) }];
  });
}

/** Compares all gradients of a case with PyTorch's. */
export async function expectGradients(
  c: GradientCase,
  made: ReturnType<typeof trainingOf>,
  trainer: Trainer,
  most: number,
): Promise<void> {
  for (const { input, error } of await gradientErrors(c, made, trainer)) {
    expect(error, `${c.op} ${c.name}: input ${input}`).toBeLessThanOrEqual(most);
  }
}

/** The fixture's small network, all of its weights trained. */
export function smallTraining(): TrainingGraph {
  const weights = Object.entries(steps.before).map(([name, packed]): [string, HostTensor] => [name, float32Of(packed)]);
  const graph = smallNetwork(new Map(weights), steps.input.shape);
  return backward(graph, new Set(graph.constants.keys()));
}

/** Six convolutions and SiLUs one after another: what is kept for the backward pass is what takes the memory. */
export function chainTraining(): TrainingGraph {
  const b = new GraphBuilder();
  let x = b.input("x", { shape: [1, 4, 32, 32], dtype: "float32" });
  for (let layer = 0; layer < 6; layer++) {
    const numbers = Float32Array.from({ length: 144 }, (_, i) => Math.sin(7 * i + layer) / 4);
    const weight = b.constant(`${layer}.weight`, tensor("float32", [4, 4, 3, 3], numbers));
    const conv = b.add("conv2d", `${layer}`, [x, weight], {
      stride: [1, 1],
      padding: [1, 1],
      dilation: [1, 1],
      groups: 1,
      activation: { kind: "identity" },
      hasBias: false,
      hasResidual: false,
    });
    x = b.add("activation", `${layer}.act`, [conv], { activation: { kind: "silu" } });
  }
  const graph = b.finish([x]);
  return backward(graph, new Set(graph.constants.keys()));
}

/** Ten steps of AdamW as PyTorch took them. @returns the losses */
export async function trainTen(trainer: Trainer): Promise<number[]> {
  const input = float32Of(steps.input);
  const targets = steps.targets.map(float32Of);
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
}

/** The losses and weights of PyTorch after those steps. */
export function expectTen(trainer: Trainer, losses: readonly number[]): void {
  losses.forEach((loss, i) => {
    expect(Math.abs(loss / steps.losses[i] - 1)).toBeLessThanOrEqual(1e-5);
  });
  expect(steps.losses[9]).toBeLessThan(0.95 * steps.losses[0]);
  for (const { name, shape, data } of trainer.parameters) {
    const weights = tensor("float32", shape, data);
    expect(relativeError(weights, float64Of(steps.after[name])), name).toBeLessThanOrEqual(1e-4);
  }
}
