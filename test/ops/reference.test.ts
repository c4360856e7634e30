/** Each op's reference against PyTorch's answers, in float64 and in float32. */

import { describe, expect, it } from "vitest";
import { OPS, type Op, type OpType } from "../../src/ops/index.js";
import type { HostTensor } from "../../src/tensor/index.js";
import { float32Of, float64Of, type OpCase, readOpFixture, worstError } from "./fixture.js";

const { cases } = readOpFixture();

/** The op, typed so that it accepts the case's own attributes. */
const opOf = ({ op }: OpCase): Op<OpType> => OPS[op] as unknown as Op<OpType>;

function run(c: OpCase, inputs: readonly HostTensor[]): HostTensor {
  return opOf(c).reference(inputs, c.attrs)[0];
}

describe("the reference of each op equals PyTorch", () => {
  it.each(cases.map((c) => [`${c.op}: ${c.name}`, c] as const))("%s", (_, c) => {
    const expected = float64Of(c.answer);
    const exact = run(c, c.inputs.map(float64Of));
    expect(exact.dtype).toBe("float64");
    expect(exact.shape).toEqual(expected.shape);
    expect(worstError(exact, expected)).toBeLessThanOrEqual(1e-12);

    const single = run(c, c.inputs.map(float32Of));
    expect(single.dtype).toBe("float32");
    expect(single.shape).toEqual(expected.shape);
    // Accumulated in float64 and rounded once: half a unit in the last place. Heads round σ before they scale.
    expect(worstError(single, expected)).toBeLessThanOrEqual(c.op.startsWith("detect") ? 2e-6 : 6e-8);
  });

  it("covers every op", () => {
    expect([...new Set(cases.map((c) => c.op))].sort()).toEqual(Object.keys(OPS).sort());
  });

  it("has the shapes that infer announces, and counts work", () => {
    for (const c of cases) {
      const inputs = c.inputs.map(float32Of);
      const outputs = opOf(c).infer(inputs, c.attrs, "node");
      expect(outputs.map(({ shape }) => shape)).toEqual([c.answer.shape]);
      const count = opOf(c).flops(inputs, outputs, c.attrs);
      expect(count).toBeGreaterThanOrEqual(0);
      expect(Number.isInteger(count)).toBe(true);
    }
  });

  it("counts two operations per multiply-add", () => {
    const desc = (...shape: number[]) => ({ shape, dtype: "float32" }) as const;
    const pair = [1, 1] as const;
    const shared = {
      stride: pair,
      padding: pair,
      dilation: pair,
      activation: { kind: "silu" },
      hasBias: false,
    } as const;
    const conv = { ...shared, groups: 2, hasResidual: false };
    // 2 × N·O·H·W × C/g·kh·kw
    expect(OPS.conv2d.flops([desc(2, 8, 5, 5), desc(6, 4, 3, 3)], [desc(2, 6, 5, 5)], conv)).toBe(
      2 * 2 * 6 * 25 * (4 * 9),
    );
    // 2 × N·C·H·W × O/g·kh·kw
    const transposed = { ...shared, groups: 2, outputPadding: [0, 0] as const };
    expect(OPS.convTranspose2d.flops([desc(1, 8, 5, 5), desc(8, 3, 2, 2)], [desc(1, 6, 4, 4)], transposed)).toBe(
      2 * 8 * 25 * (3 * 4),
    );
    expect(OPS.attention.flops([desc(1, 8, 2, 3)], [desc(1, 8, 2, 3)], { heads: 2 })).toBe(4 * 8 * 36);
  });
});

describe("extreme numbers", () => {
  it("SiLU and σ are finite for |x| up to 1e4 and reach their limits", () => {
    const x = Float32Array.of(-1e4, -104, -88.8, -20, 0, 20, 88.8, 1e4);
    const [silu] = OPS.activation.reference([{ dtype: "float32", shape: [8], data: x }], {
      activation: { kind: "silu" },
    });
    expect([...silu.data].every((v) => Number.isFinite(Number(v)))).toBe(true);
    expect(Math.abs(Number(silu.data[0]))).toBe(0);
    expect(silu.data[7]).toBe(10000);
  });

  it("a NaN passes through max pooling, as in PyTorch", () => {
    const data = Float32Array.of(1, Number.NaN, 3, 4);
    const attrs = { kernel: [1, 2], stride: [1, 1], padding: [0, 0], dilation: [1, 1], ceilMode: false } as const;
    const [y] = OPS.maxPool2d.reference([{ dtype: "float32", shape: [1, 1, 1, 4], data }], attrs);
    expect([...y.data]).toEqual([Number.NaN, Number.NaN, 4]);
  });

  it("padding of max pooling never wins over negative numbers", () => {
    const data = new Float32Array(25).map((_, i) => -1 - i);
    const attrs = { kernel: [5, 5], stride: [1, 1], padding: [2, 2], dilation: [1, 1], ceilMode: false } as const;
    const [y] = OPS.maxPool2d.reference([{ dtype: "float32", shape: [1, 1, 5, 5], data }], attrs);
    expect(Math.max(...Array.from(y.data, Number))).toBe(-1);
    expect(y.data[24]).toBe(-13);
  });
});
