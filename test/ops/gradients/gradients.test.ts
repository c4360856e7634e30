/** Gradients of every op in float64: against PyTorch's autograd, against finite differences, and with values computed again. */

import { describe, expect, it } from "vitest";
import { LimitError, UnsupportedError } from "../../../src/errors.js";
import {
  backward,
  evaluateTraining,
  GRADIENT_OPS,
  type TrainingGraph,
  trainingBytes,
  withinBudget,
} from "../../../src/ops/gradients/index.js";
import { type Graph, GraphBuilder, OPS, type ValueId } from "../../../src/ops/index.js";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";
import { allOrEvery } from "../../support/full.js";
import { float64Of } from "../fixture.js";
import { graphOfOp, readGradientFixture, relativeError, smallNetwork } from "./fixture.js";

const { cases, steps } = readGradientFixture();
/** Losses compare what heads give before it is decoded. */
const HEADS = ["detect", "detectAnchorFree"];
const CONV = {
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  activation: { kind: "identity" },
  hasBias: false,
  hasResidual: false,
} as const;

function get(values: ReadonlyMap<ValueId, HostTensor>, id: ValueId): HostTensor {
  const value = values.get(id);
  if (!value) throw new Error(`no value ${id}`);
  return value;
}

describe("the gradient of each op equals PyTorch's", () => {
  it.each(cases.map((c) => [`${c.op}: ${c.name}`, c] as const))("%s", (_, c) => {
    const inputs = c.inputs.map(float64Of);
    const { graph, ids, data } = graphOfOp(c, inputs);
    const wanted = ids.filter((_id, i) => c.gradients[i]);
    const training = backward(graph, new Set(wanted.filter((id) => ids.indexOf(id) >= data)), ids.slice(0, data));
    const values = evaluateTraining(training, inputs.slice(0, data), () => [float64Of(c.dy)]);
    const gradientOf = (i: number): ValueId | undefined =>
      i < data ? training.inputGradients[i] : training.parameters.find(({ value }) => value === ids[i])?.gradient;
    c.gradients.forEach((expected, i) => {
      const id = gradientOf(i);
      if (!expected || id === undefined) {
        expect([expected ?? undefined, id]).toEqual([undefined, undefined]);
        return;
      }
      const gradient = get(values, id);
      expect(gradient.shape).toEqual(expected.shape);
      expect(gradient.dtype).toBe("float64");
      expect(training.values[id].shape).toEqual(expected.shape);
      // PyTorch's hardsigmoid multiplies by a sixth that is rounded to float32.
      const most = "activation" in c.attrs && c.attrs.activation.kind === "hardsigmoid" ? 5e-8 : 1e-12;
      expect(relativeError(gradient, float64Of(expected))).toBeLessThanOrEqual(most);
    });
  });

  it("covers every differentiable op and every training op", () => {
    const differentiated = Object.keys(OPS).filter((op) => !HEADS.includes(op));
    expect([...new Set(cases.map(({ op }) => op as string))].sort()).toEqual(differentiated.sort());
    const used = new Set<string>();
    for (const c of cases) {
      const { graph, ids, data } = graphOfOp(c, c.inputs.map(float64Of));
      const weights = ids.filter((_id, i) => i >= data && c.gradients[i]);
      for (const { type } of backward(graph, new Set(weights), ids.slice(0, data)).nodes) used.add(type);
    }
    expect(Object.keys(GRADIENT_OPS).filter((op) => !used.has(op))).toEqual([]);
  });
});

const fixtureWeights = (): Map<string, HostTensor> =>
  new Map(Object.entries(steps.before).map(([name, packed]) => [name, float64Of(packed)]));

/** Σ ½(y − t)² ÷ count of each result, and its gradient. */
function squaredError(results: readonly HostTensor[], targets: readonly HostTensor[]) {
  let loss = 0;
  const seeds = results.map(({ shape, data }, i) => {
    const gradient = new Float64Array(data.length);
    for (let k = 0; k < data.length; k++) {
      const error = Number(data[k]) - Number(targets[i].data[k]);
      loss += (0.5 * error ** 2) / data.length;
      gradient[k] = error / data.length;
    }
    return tensor("float64", shape, gradient);
  });
  return { loss, seeds };
}

describe("the gradients of a network", () => {
  const input = float64Of(steps.input);
  const targets = steps.targets.map(float64Of);
  const network = (weights = fixtureWeights()): { graph: Graph; training: TrainingGraph } => {
    const built = smallNetwork(weights, input.shape);
    // The builder keeps weights as float32, in which small steps are lost.
    const exact = [...built.constants].map(
      ([id, { shape, data }]) => [id, tensor("float64", shape, Float64Array.from(data as Float32Array))] as const,
    );
    const graph: Graph = { ...built, constants: new Map(exact) };
    return { graph, training: backward(graph, new Set(graph.constants.keys())) };
  };
  const run = (training: TrainingGraph) => {
    let loss = Number.NaN;
    const values = evaluateTraining(training, [input], (results) => {
      const error = squaredError(results, targets);
      ({ loss } = error);
      return error.seeds;
    });
    return { values, loss };
  };

  it("equal finite differences for every weight", () => {
    const weights = fixtureWeights();
    const { graph, training } = network(weights);
    const { values, loss } = run(training);
    expect(loss).toBeCloseTo(steps.losses[0], 12);
    for (const [k, { value, gradient }] of allOrEvery(training.parameters, 3).entries()) {
      const { data } = get(graph.constants, value);
      const numbers = data as Float64Array;
      const i = (k * 7919) % numbers.length;
      const own = numbers[i];
      const slope = (step: number): number => {
        numbers[i] = own + step;
        const above = run(training).loss;
        numbers[i] = own - step;
        const below = run(training).loss;
        numbers[i] = own;
        return (above - below) / (2 * step);
      };
      // Richardson's extrapolation; steps so small that no other element becomes the largest of a window.
      const measured = (4 * slope(1e-5) - slope(2e-5)) / 3;
      const found = Number(get(values, gradient).data[i]);
      expect(Math.abs(measured - found)).toBeLessThanOrEqual(1e-6 * Math.max(0.01, Math.abs(found)));
    }
  });

  it("stay the same bit for bit with recomputation, which takes less memory", () => {
    const b = new GraphBuilder();
    let x = b.input("x", { shape: [1, 4, 8, 8], dtype: "float64" });
    for (let layer = 0; layer < 6; layer++) {
      const weight = b.constant(
        `${layer}.weight`,
        tensor(
          "float64",
          [4, 4, 3, 3],
          Float64Array.from({ length: 144 }, (_, i) => Math.sin(7 * i + layer) / 4),
        ),
      );
      const conv = b.add("conv2d", `${layer}`, [x, weight], { ...CONV, padding: [1, 1] });
      x = b.add("activation", `${layer}.act`, [conv], { activation: { kind: "silu" } });
    }
    const graph = b.finish([x]);
    const training = backward(graph, new Set(graph.constants.keys()));
    const picture = tensor(
      "float64",
      [1, 4, 8, 8],
      Float64Array.from({ length: 256 }, (_, i) => Math.cos(3 * i)),
    );
    const values = evaluateTraining(training, [picture], (results) => results);
    const all = trainingBytes(training);
    const lean = withinBudget(training, 0.75 * all);
    expect(lean.nodes.length).toBeGreaterThan(training.nodes.length);
    expect(trainingBytes(lean)).toBeLessThanOrEqual(0.75 * all);
    const again = evaluateTraining(lean, [picture], (results) => results);
    for (const { gradient } of training.parameters) {
      expect(get(again, gradient).data).toEqual(get(values, gradient).data);
    }
    expect(withinBudget(training, all)).toBe(training);
    expect(() => withinBudget(training, 1000)).toThrow(LimitError);
  });

  it("can be limited to some weights, and nothing is computed for layers before them", () => {
    const { graph } = network();
    const last = graph.nodes[graph.nodes.length - 1];
    const training = backward(graph, new Set(last.inputs.slice(1)));
    expect(training.nodes.slice(training.forward).map(({ type }) => type)).toEqual(
      ["channelSum", "convWeightGradient"].reverse(),
    );
    expect(training.results).toEqual([last.outputs[0]]);
  });
});

it("refuse decoded boxes and fused convolutions, naming the layer", () => {
  const b = new GraphBuilder();
  const x = b.input("x", { shape: [1, 3, 4, 4], dtype: "float32" });
  const weight = b.constant("w", tensor("float32", [7, 3, 1, 1], new Float32Array(21)));
  const conv = b.add("conv2d", "conv", [x, weight], CONV);
  const head = { anchors: [[1, 1]], strides: [8], outputs: 7, maskCoefficients: 0 };
  const graph = b.finish([b.add("detect", "head", [conv], head)]);
  expect(() => backward(graph, new Set([weight]))).toThrow(/decoded boxes.*\(head\)/);
  const c = new GraphBuilder();
  const y = c.input("x", { shape: [1, 3, 4, 4], dtype: "float32" });
  const other = c.constant("w", tensor("float32", [7, 3, 1, 1], new Float32Array(21)));
  const fused = c.add("conv2d", "fused", [y, other], { ...CONV, activation: { kind: "silu" } });
  expect(() => backward(c.finish([fused]), new Set([other]))).toThrow(UnsupportedError);
});
