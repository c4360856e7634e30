/** The passes: what each rewrites, what it must leave alone, and that the numbers stay. */

import { describe, expect, it } from "vitest";
import {
  type FoldCache,
  foldBatchNorm,
  fuseActivation,
  fuseResidual,
  type Graph,
  GraphBuilder,
  IDENTITY,
  type Node,
  optimize,
} from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare, float32ArrayToHalf, type HostTensor, tensor, toFloat32 } from "../../src/tensor/index.js";
import { type FoldCase, float32Of, float64Of, readOpFixture, worstError } from "./fixture.js";
import { plainConv, RandomNet, randomGraph, randomTensor } from "./randomGraph.js";

const INPUT = { shape: [1, 4, 5, 6], dtype: "float32" } as const;
const types = (graph: Graph): string[] => graph.nodes.map((node) => node.type);
const conv2dOf = (node: Node | undefined) => {
  if (node?.type !== "conv2d") throw new Error(`${node?.type} is no conv2d`);
  return node;
};

async function outputsOf(graph: Graph, seed = 1): Promise<HostTensor[]> {
  const random = new RandomNet(seed).random;
  const inputs = graph.inputs.map((id) => randomTensor(random, graph.values[id].shape));
  return (await createCpuBackend().compile(graph)).run(inputs);
}

/** Largest difference ÷ largest number expected. */
function relativeError(actual: HostTensor, expected: HostTensor): number {
  let scale = 0;
  for (const value of expected.data) scale = Math.max(scale, Math.abs(Number(value)));
  return compare(actual, expected).maxAbs / scale;
}

async function expectSameNumbers(actual: Graph, expected: Graph, limit = 1e-6): Promise<void> {
  const [a, e] = [await outputsOf(actual), await outputsOf(expected)];
  for (const [i, tensor] of e.entries()) expect(relativeError(a[i], tensor)).toBeLessThanOrEqual(limit);
}

describe("foldBatchNorm", () => {
  const graphOf = (c: FoldCase, weight: HostTensor = float32Of(c.weight)): Graph => {
    const builder = new GraphBuilder();
    const x = builder.input("x", { shape: c.x.shape, dtype: "float32" });
    const operands = [x, builder.constant("weight", weight)];
    if (c.bias) operands.push(builder.constant("bias", float32Of(c.bias)));
    const { hasResidual: _, ...common } = plainConv({ groups: c.groups, hasBias: c.bias !== undefined });
    const y = c.transposed
      ? builder.add("convTranspose2d", "conv", operands, { ...common, stride: [2, 2], outputPadding: [0, 0] })
      : builder.add("conv2d", "conv", operands, { ...common, padding: [1, 1], hasResidual: false });
    const norm = [c.gamma, c.beta, c.mean, c.var].map((t, i) => builder.constant(`norm.${i}`, float32Of(t)));
    return builder.finish([builder.add("batchNorm", "bn", [y, ...norm], { eps: c.eps })]);
  };

  it.each(readOpFixture().folds.map((c) => [c.name, c] as const))(
    "%s: PyTorch's weights, bit for bit",
    async (_, c) => {
      const folded = foldBatchNorm(graphOf(c));
      expect(types(folded)).toEqual([c.transposed ? "convTranspose2d" : "conv2d"]);
      const [node] = folded.nodes;
      const [weight, bias] = node.inputs.slice(1).map((id) => folded.constants.get(id));
      expect(weight?.data).toEqual(float32Of(c.foldedWeight).data);
      expect(bias?.data).toEqual(float32Of(c.foldedBias).data);
      const run = async (graph: Graph): Promise<HostTensor> =>
        (await (await createCpuBackend().compile(graph)).run([float32Of(c.x)]))[0];
      const expected = float64Of(c.answer);
      expect(worstError(await run(graphOf(c)), expected)).toBeLessThan(1e-6);
      expect(relativeError(await run(folded), expected)).toBeLessThan(1e-6);
    },
  );

  it("folds float16 weights as their float32 forms, without converting them", () => {
    for (const c of readOpFixture().folds) {
      const { shape, data } = float32Of(c.weight);
      const halves = tensor("float16", shape, float32ArrayToHalf(data));
      const graph = graphOf(c, halves);
      const foldedWeight = (g: Graph) => {
        const folded = foldBatchNorm(g);
        return folded.constants.get(folded.nodes[0].inputs[1])?.data;
      };
      expect(foldedWeight(graph), c.name).toEqual(foldedWeight(graphOf(c, toFloat32(halves))));
      const [weight] = [...graph.constants.values()].filter((constant) => constant.shape === shape);
      // It is converted only now.
      halves.data.fill(0x3c00);
      expect(new Set(weight.data as Float32Array), c.name).toEqual(new Set([1]));
    }
  });

  it("takes eps from the node, which matters at variances near 1e-4", async () => {
    const c = readOpFixture().folds.find(({ name }) => name.startsWith("variances near 1e-4, eps 1e-3"));
    if (!c) throw new Error("the fixture lacks its case");
    const weightOf = (graph: Graph): number => Number(graph.constants.get(graph.nodes[0].inputs[1])?.data[0]);
    const right = weightOf(foldBatchNorm(graphOf(c)));
    const wrong = weightOf(foldBatchNorm(graphOf({ ...c, eps: 1e-5 })));
    expect(Math.abs(wrong / right)).toBeGreaterThan(2);
  });

  it("keeps a BatchNorm whose convolution is read elsewhere, is an output, or is missing", () => {
    const shared = new RandomNet(1);
    const x = shared.builder.input("x", INPUT);
    const y = shared.conv(x, 4, 1);
    const graph = shared.builder.finish([shared.add(shared.batchNorm(y), y)]);
    expect(types(foldBatchNorm(graph))).toEqual(["conv2d", "batchNorm", "add"]);

    const output = new RandomNet(1);
    const z = output.conv(output.builder.input("x", INPUT), 4, 1);
    expect(types(foldBatchNorm(output.builder.finish([output.batchNorm(z), z])))).toEqual(["conv2d", "batchNorm"]);

    const alone = new RandomNet(1);
    const n = alone.batchNorm(alone.builder.input("x", INPUT));
    expect(types(foldBatchNorm(alone.builder.finish([n])))).toEqual(["batchNorm"]);
  });

  it("does not fold over an activation", () => {
    const net = new RandomNet(1);
    const y = net.activation(net.conv(net.builder.input("x", INPUT), 4, 1), { kind: "relu" });
    const fused = foldBatchNorm(fuseActivation(net.builder.finish([net.batchNorm(y)])));
    expect(types(fused)).toEqual(["conv2d", "batchNorm"]);
  });

  it("shares folded weights between graphs of one model", () => {
    const cache: FoldCache = new WeakMap();
    const net = new RandomNet(1);
    const y = net.batchNorm(net.conv(net.builder.input("x", INPUT), 4, 3));
    const graph = net.builder.finish([y]);
    const weightOf = (g: Graph) => g.constants.get(g.nodes[0].inputs[1]);
    const first = weightOf(foldBatchNorm(graph, cache));
    expect(weightOf(foldBatchNorm(graph, cache))).toBe(first);
    const [node] = graph.nodes.filter((n) => n.type === "batchNorm");
    const other = { ...graph, nodes: graph.nodes.map((n) => (n === node ? { ...node, attrs: { eps: 0.5 } } : n)) };
    expect(weightOf(foldBatchNorm(other, cache))).not.toBe(first);
  });
});

describe("fuseActivation", () => {
  it("moves the activation into the convolution, which then gives the activation's value", () => {
    const net = new RandomNet(1);
    const y = net.activation(net.conv(net.builder.input("x", INPUT), 4, 1), { kind: "silu" });
    const fused = fuseActivation(net.builder.finish([y]));
    expect(types(fused)).toEqual(["conv2d"]);
    expect(conv2dOf(fused.nodes[0]).attrs.activation).toEqual({ kind: "silu" });
    expect(fused.outputs).toEqual([y]);
    expect([...fused.taps.keys()]).toEqual(["act1"]);
  });

  it("leaves an activation whose input is read elsewhere, and the second of two", () => {
    const shared = new RandomNet(1);
    const y = shared.conv(shared.builder.input("x", INPUT), 4, 1);
    const graph = shared.builder.finish([shared.add(shared.activation(y, { kind: "relu" }), y)]);
    expect(types(fuseActivation(graph))).toEqual(["conv2d", "activation", "add"]);

    const twice = new RandomNet(1);
    const z = twice.activation(twice.conv(twice.builder.input("x", INPUT), 4, 1), { kind: "relu" });
    const fused = fuseActivation(twice.builder.finish([twice.activation(z, { kind: "sigmoid" })]));
    expect(types(fused)).toEqual(["conv2d", "activation"]);
    expect(conv2dOf(fused.nodes[0]).attrs.activation).toEqual({ kind: "relu" });
  });
});

describe("fuseResidual", () => {
  it("turns x + conv(…) into a convolution with the residual x", async () => {
    const net = new RandomNet(1);
    const x = net.builder.input("x", INPUT);
    const y = net.activation(net.conv(x, 4, 3), { kind: "silu" });
    const sum = net.add(x, y);
    const graph = net.builder.finish([sum]);
    const fused = fuseResidual(fuseActivation(graph));
    expect(types(fused)).toEqual(["conv2d"]);
    const [node] = fused.nodes;
    expect(conv2dOf(node).attrs).toMatchObject({ hasResidual: true, activation: { kind: "silu" } });
    expect(node.inputs[node.inputs.length - 1]).toBe(x);
    expect(node.outputs).toEqual([sum]);
    expect(fused.taps.get("add2")).toBe(sum);
    await expectSameNumbers(fused, graph);
  });

  it("takes the later of two convolutions, on whichever side of the sum", async () => {
    for (const swap of [false, true]) {
      const net = new RandomNet(1);
      const x = net.builder.input("x", INPUT);
      const [first, second] = [net.conv(x, 4, 1), net.conv(x, 4, 3)];
      const graph = net.builder.finish([swap ? net.add(second, first) : net.add(first, second)]);
      const fused = fuseResidual(graph);
      expect(fused.nodes.map((n) => n.name)).toEqual(["conv0", "conv1"]);
      expect(fused.nodes.map((n) => conv2dOf(n).attrs.hasResidual)).toEqual([false, true]);
      expect(fused.nodes[1].inputs.at(-1)).toBe(first);
      await expectSameNumbers(fused, graph);
    }
  });

  it("does not fuse a convolution with other readers, x + x, or a sum of three", () => {
    const shared = new RandomNet(1);
    const x = shared.builder.input("x", INPUT);
    const y = shared.conv(x, 4, 1);
    const sum = shared.add(x, y);
    expect(types(fuseResidual(shared.builder.finish([shared.concat(sum, y)])))).toEqual(["conv2d", "add", "concat"]);

    const same = new RandomNet(1);
    const z = same.conv(same.builder.input("x", INPUT), 4, 1);
    expect(types(fuseResidual(same.builder.finish([same.add(z, z)])))).toEqual(["conv2d", "add"]);

    const three = new RandomNet(1);
    const w = three.builder.input("x", INPUT);
    const graph = three.builder.finish([three.add(w, three.conv(w, 4, 1), w)]);
    expect(types(fuseResidual(graph))).toEqual(["conv2d", "add"]);
  });

  it("does not fuse into a convolution that already has a residual", async () => {
    const net = new RandomNet(1);
    const x = net.builder.input("x", INPUT);
    const graph = net.builder.finish([net.add(x, net.add(x, net.conv(x, 4, 1)))]);
    const once = fuseResidual(graph);
    expect(types(once)).toEqual(["conv2d", "add"]);
    expect(types(fuseResidual(once))).toEqual(["conv2d", "add"]);
    await expectSameNumbers(once, graph);
  });

  it("keeps an activation after the sum outside the convolution", async () => {
    const net = new RandomNet(1);
    const x = net.builder.input("x", INPUT);
    const graph = net.builder.finish([net.activation(net.add(x, net.conv(x, 4, 1)), { kind: "relu" })]);
    const fused = optimize(graph);
    expect(types(fused)).toEqual(["conv2d", "activation"]);
    expect(conv2dOf(fused.nodes[0]).attrs.activation).toEqual(IDENTITY);
    expect(types(fuseActivation(fused))).toEqual(["conv2d", "activation"]);
    await expectSameNumbers(fused, graph);
  });
});

describe("optimize", () => {
  it("does not change outputs and taps of 60 random graphs", async () => {
    let removed = 0;
    let residuals = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const graph = randomGraph(seed);
      const fast = optimize(graph);
      removed += graph.nodes.length - fast.nodes.length;
      residuals += fast.nodes.filter((node) => node.type === "conv2d" && node.attrs.hasResidual).length;
      expect(fast.inputs).toEqual(graph.inputs);
      expect(fast.outputs).toEqual(graph.outputs);
      const random = new RandomNet(seed + 1000).random;
      const input = randomTensor(random, graph.values[graph.inputs[0]].shape);
      const [built, optimised] = await Promise.all([graph, fast].map((g) => createCpuBackend().compile(g)));
      const [expected, actual] = [await built.run([input]), await optimised.run([input])];
      const names = [...fast.taps.keys()];
      const [wanted, given] = [await built.tap(names, [input]), await optimised.tap(names, [input])];
      const pairs = names.map((name) => [given.get(name), wanted.get(name), name] as const);
      for (const [a, e, name] of [...pairs, ...expected.map((e, i) => [actual[i], e, `output ${i}`] as const)]) {
        if (!a || !e) throw new Error(`${name} is missing`);
        expect(relativeError(a, e), `seed ${seed}, ${name}`).toBeLessThanOrEqual(1e-6);
      }
    }
    expect(removed).toBeGreaterThan(300);
    expect(residuals).toBeGreaterThan(20);
  });

  it("drops constants, nodes and taps that are no longer needed", () => {
    const net = new RandomNet(3);
    const x = net.builder.input("x", INPUT);
    net.conv(x, 4, 3);
    const y = net.activation(net.batchNorm(net.conv(x, 4, 1)), { kind: "silu" });
    const fast = optimize(net.builder.finish([y]));
    expect(types(fast)).toEqual(["conv2d"]);
    expect(fast.constants.size).toBe(2);
    expect([...fast.taps.values()]).toEqual([y]);
  });
});
