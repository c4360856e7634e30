/** gradients/cases.json: gradients of ops and ten steps of AdamW as PyTorch computes them (made by its make.py). */

import { readFileSync } from "node:fs";
import { type ForwardGraph, withFakeQuantizedInputs } from "../../../src/ops/gradients/index.js";
import type { OpAttributes, OpType, TensorDesc, ValueId } from "../../../src/ops/index.js";
import { type Graph, GraphBuilder } from "../../../src/ops/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import type { Packed } from "../fixture.js";

export interface GradientCase {
  readonly op: OpType;
  readonly name: string;
  readonly attrs: OpAttributes[OpType];
  readonly inputs: readonly Packed[];
  readonly dy: Packed;
  /** Steps to which the first input is rounded before the op. */
  readonly input?: { readonly scale: number; readonly zeroPoint: number };
  /** One an input; null where it is not differentiated. */
  readonly gradients: readonly (Packed | null)[];
}

export interface TrainingSteps {
  readonly settings: {
    readonly learningRate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  };
  readonly input: Packed;
  readonly targets: readonly Packed[];
  readonly before: Readonly<Record<string, Packed>>;
  readonly after: Readonly<Record<string, Packed>>;
  readonly losses: readonly number[];
}

export interface GradientFixture {
  readonly cases: readonly GradientCase[];
  readonly steps: TrainingSteps;
  /** Weights rounded as in int8 networks, [O, …], and the gradient of the exact ones. */
  readonly weights: Readonly<Record<"weight" | "rounded" | "dy" | "gradient", Packed>>;
}

export function readGradientFixture(): GradientFixture {
  const url = new URL("../../fixtures/gradients/cases.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as GradientFixture;
}

/** How many of an op's inputs come from other ops; the rest are weights. */
const DATA_INPUTS: Partial<Record<OpType, number>> = { conv2d: 1, convTranspose2d: 1, batchNorm: 1, layerNorm: 1 };

/** A graph of one op: its weights are constants, its other inputs the graph's. */
export function graphOfOp(
  { op, attrs, input }: Pick<GradientCase, "op" | "attrs" | "input">,
  inputs: readonly HostTensor[],
): { readonly graph: ForwardGraph; readonly ids: readonly ValueId[]; readonly data: number } {
  const b = new GraphBuilder();
  const data = DATA_INPUTS[op] ?? inputs.length;
  const ids = inputs.map((input, i) => (i < data ? b.input(`x${i}`, input as TensorDesc) : b.constant(`w${i}`, input)));
  const graph = b.finish([b.add(op, "op", ids, attrs)]);
  return { graph: input ? withFakeQuantizedInputs(graph, new Map([["op", input]])) : graph, ids, data };
}

/** Largest difference relative to the largest expected element. */
export function relativeError(actual: HostTensor, expected: HostTensor): number {
  let worst = 0;
  let largest = 0;
  expected.data.forEach((e, i) => {
    worst = Math.max(worst, Math.abs(Number(actual.data[i]) - Number(e)));
    largest = Math.max(largest, Math.abs(Number(e)));
  });
  return Number.isNaN(worst) ? Number.NaN : worst / Math.max(largest, 1e-30);
}

/** The fixture's small network, its weights given. */
export function smallNetwork(weights: ReadonlyMap<string, HostTensor>, size: readonly number[]): Graph {
  const b = new GraphBuilder();
  const weight = (name: string): HostTensor => {
    const found = weights.get(name);
    if (!found) throw new Error(`no weight ${name}`);
    return found;
  };
  const conv = (name: string, x: ValueId, stride = 1): ValueId => {
    const w = weight(`${name}.weight`);
    const padding = name === "stem" ? 2 : w.shape[2] >> 1;
    const inputs = [x, b.constant(`${name}.weight`, w), b.constant(`${name}.bias`, weight(`${name}.bias`))];
    return b.add("conv2d", name, inputs, {
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [1, 1],
      groups: 1,
      activation: { kind: "identity" },
      hasBias: true,
      hasResidual: false,
    });
  };
  const silu = (x: ValueId): ValueId => b.add("activation", "act", [x], { activation: { kind: "silu" } });
  const cat = (name: string, ...parts: ValueId[]): ValueId => b.add("concat", name, parts, { axis: 1 });
  const x = b.input("images", { shape: size, dtype: weight("stem.weight").dtype });
  const stem = silu(conv("stem", x, 2));
  const down = silu(conv("down", stem, 2));
  const short = silu(conv("reduce", down));
  const inner = b.add("add", "sum", [short, silu(conv("inner", short))], {});
  const pooled = b.add("maxPool2d", "pool", [inner], {
    kernel: [5, 5],
    stride: [1, 1],
    padding: [2, 2],
    dilation: [1, 1],
    ceilMode: false,
  });
  const wide = silu(conv("wide", cat("cat", down, pooled)));
  const deep = silu(conv("deep", wide, 2));
  const up = b.add("upsampleNearest", "up", [wide], { scale: [2, 2] });
  return b.finish([conv("small", cat("cat2", up, stem)), conv("large", deep)]);
}
