/** What rounding accounts for: counted along the graph, and measured where a network amplifies it. */

import { describe, expect, it } from "vitest";
import {
  amplifiedRounding,
  countedRounding,
  evaluate,
  type Graph,
  GraphBuilder,
  IDENTITY,
  type ValueId,
} from "../../src/ops/index.js";
import { compare, type HostTensor, seededRandom, tensor } from "../../src/tensor/index.js";
import { floatLimits } from "../../src/yolov5/graph/roundingLimits.js";

const U2 = 2 ** -48;
const CHANNELS = 64;
const SIDE = 16;

/** A 1×1 convolution that sums all channels, then BatchNorm that takes `mean` away. */
function network(mean: number): { graph: Graph; sum: ValueId; norm: ValueId } {
  const b = new GraphBuilder();
  const vector = (name: string, value: number) => b.constant(name, tensor("float32", [1], Float32Array.of(value)));
  const x = b.input("x", { shape: [1, CHANNELS, SIDE, SIDE], dtype: "float32" });
  const weight = b.constant("w", tensor("float32", [1, CHANNELS, 1, 1], new Float32Array(CHANNELS).fill(1)));
  const [stride, dilation, padding] = [[1, 1] as const, [1, 1] as const, [0, 0] as const];
  const attrs = { stride, padding, dilation, groups: 1, activation: IDENTITY, hasBias: false, hasResidual: false };
  const sum = b.add("conv2d", "sum", [x, weight], attrs);
  const facts = [vector("gamma", 1), vector("beta", 0), vector("mean", mean), vector("var", 1)];
  const norm = b.add("batchNorm", "norm", [sum, ...facts], { eps: 1e-3 });
  return { graph: b.finish([norm]), sum, norm };
}

/** Around 1, so that the sum is around 64. */
function picture(): HostTensor<"float32"> {
  const random = seededRandom(3);
  const data = new Float32Array(CHANNELS * SIDE * SIDE).map(() => 1 + 0.1 * (random() - 0.5));
  return tensor("float32", [1, CHANNELS, SIDE, SIDE], data);
}

/** The network in float32, every addition rounded, as a device may compute it. */
function inFloat32(x: HostTensor<"float32">, mean: number): HostTensor<"float32"> {
  const plane = SIDE * SIDE;
  const scale = Math.fround(1 / Math.sqrt(1.001));
  const out = Float32Array.from({ length: plane }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < CHANNELS; c++) sum = Math.fround(sum + x.data[c * plane + i]);
    return Math.fround(Math.fround(sum - mean) * scale);
  });
  return tensor("float32", [1, 1, SIDE, SIDE], out);
}

describe("rounding", () => {
  it("counts the operations on the longest path, each u²÷3", () => {
    const { graph, sum, norm } = network(0);
    const counted = countedRounding(graph);
    expect(counted.get(sum)).toBeCloseTo((2 * CHANNELS * U2) / 3, 20);
    expect(counted.get(norm)).toBeCloseTo(((2 * CHANNELS + 2) * U2) / 3, 20);
    expect(counted.get(graph.inputs[0])).toBeUndefined();
  });

  it("measures about the counted amount if nothing is amplified", async () => {
    const { graph, norm } = network(0);
    const measured = (await amplifiedRounding(graph, [picture()], [norm])).get(norm) ?? 0;
    const counted = countedRounding(graph).get(norm) ?? 0;
    expect(measured / counted).toBeGreaterThan(0.5);
    expect(measured / counted).toBeLessThan(2);
  });

  it("measures how a BatchNorm that removes the signal amplifies it", async () => {
    const { graph, norm } = network(64);
    const x = picture();
    const taps = new Map([...graph.taps, ["norm", norm]]);
    const limits = floatLimits({ ...graph, taps }, ["norm"], x, "cpu");
    const exact = (await evaluate(graph, [x])).get(norm) as HostTensor;
    const { nmse } = compare(inFloat32(x, 64), exact);
    // Right in float32, and far beyond the count.
    expect(nmse).toBeGreaterThan(100 * (countedRounding(graph).get(norm) ?? 0));
    const limit = await limits.of("norm", nmse);
    expect(nmse).toBeLessThan(limit);
    // An input that is off by a thousandth is not explained.
    const wrong = picture();
    for (let i = 0; i < SIDE * SIDE; i++) wrong.data[i] *= 1.001;
    const fault = compare(inFloat32(wrong, 64), exact).nmse;
    expect(fault).toBeGreaterThan(50 * (await limits.of("norm", fault)));
  });

  it("explains neither NaN nor infinity, and doubles for devices, which round as PyTorch does", async () => {
    const { graph, norm } = network(0);
    const tapped = { ...graph, taps: new Map([["norm", norm]]) };
    const cpu = floatLimits(tapped, ["norm"], picture(), "cpu");
    const device = floatLimits(tapped, ["norm"], picture(), "webgpu");
    expect(await device.of("norm", 0)).toBeCloseTo(2 * (await cpu.of("norm", 0)), 20);
    for (const nmse of [Number.NaN, Number.POSITIVE_INFINITY]) expect(nmse <= (await cpu.of("norm", nmse))).toBe(false);
  });

  it("gives the same result every time", async () => {
    const { graph, norm } = network(64);
    const once = await amplifiedRounding(graph, [picture()], [norm]);
    expect(await amplifiedRounding(graph, [picture()], [norm])).toEqual(once);
  });
});
