/** One table of small, awkward cases for every op: odd sizes, channels around multiples of four, groups, dilation. */

import { type ConvProblem, storedTensor } from "../../src/kernels/wgsl/index.js";
import {
  type Activation,
  type Graph,
  GraphBuilder,
  IDENTITY,
  OPS,
  type OpAttributes,
  type OpType,
} from "../../src/ops/index.js";
import { floatToHalf, type HostTensor, halfToFloat, tensor } from "../../src/tensor/index.js";
import { asFloat64, randomTensor } from "./random.js";

export interface OpCase<T extends OpType = OpType> {
  readonly name: string;
  readonly type: T;
  readonly attrs: OpAttributes[T];
  /** Inputs that change from run to run, then the weights. */
  readonly inputs: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  /** Products that each output element sums: widens the absolute tolerance. */
  readonly depth: number;
  /** Range of the inputs. Default 1. */
  readonly scale?: number;
}

const SILU: Activation = { kind: "silu" };

export const ACTIVATIONS: readonly Activation[] = [
  IDENTITY,
  SILU,
  { kind: "sigmoid" },
  { kind: "relu" },
  { kind: "relu6" },
  { kind: "leakyRelu", slope: 0.1015625 },
  { kind: "hardswish" },
  { kind: "hardsigmoid" },
  { kind: "mish" },
  { kind: "gelu" },
  { kind: "tanh" },
  { kind: "elu", alpha: 1.5 },
  { kind: "softplus" },
];

interface ConvShape {
  readonly n?: number;
  readonly c: number;
  readonly o: number;
  readonly h: number;
  readonly w: number;
  readonly k?: readonly [number, number];
  readonly s?: readonly [number, number];
  readonly p?: readonly [number, number];
  readonly d?: readonly [number, number];
  readonly g?: number;
  readonly act?: Activation;
  readonly bias?: boolean;
  readonly residual?: boolean;
}

function conv(shape: ConvShape): OpCase<"conv2d"> {
  const { n = 1, c, o, h, w, k = [3, 3], s = [1, 1], d = [1, 1], g = 1, act = SILU } = shape;
  const { p = [Math.floor(k[0] / 2), Math.floor(k[1] / 2)], bias = true, residual = false } = shape;
  const size = (a: 0 | 1, x: number): number => Math.floor((x + 2 * p[a] - d[a] * (k[a] - 1) - 1) / s[a]) + 1;
  const attrs = {
    stride: s,
    padding: p,
    dilation: d,
    groups: g,
    activation: act,
    hasBias: bias,
    hasResidual: residual,
  };
  return {
    name: `conv2d x=${n},${c},${h},${w} o=${o} k=${k} s=${s} p=${p} d=${d} g=${g} ${act.kind}${bias ? "" : " no bias"}${residual ? " residual" : ""}`,
    type: "conv2d",
    attrs,
    inputs: [[n, c, h, w], ...(residual ? [[n, o, size(0, h), size(1, w)]] : [])],
    weights: [[o, c / g, k[0], k[1]], ...(bias ? [[o]] : [])],
    depth: (c / g) * k[0] * k[1],
  };
}

/** Convolutions without groups: every general kernel must do them all. */
export const CONV_CASES: readonly OpCase<"conv2d">[] = [
  conv({ c: 1, o: 1, h: 1, w: 1, k: [1, 1] }),
  conv({ c: 3, o: 17, h: 7, w: 13, k: [1, 1] }),
  conv({ c: 5, o: 3, h: 13, w: 7 }),
  conv({ c: 17, o: 5, h: 20, w: 13, s: [2, 2] }),
  conv({ c: 16, o: 16, h: 20, w: 20, residual: true }),
  conv({ c: 17, o: 17, h: 13, w: 13, residual: true, act: { kind: "relu" } }),
  conv({ c: 3, o: 16, h: 20, w: 20, k: [6, 6], s: [2, 2], p: [2, 2] }),
  conv({ n: 2, c: 1, o: 5, h: 8, w: 6, k: [2, 4], s: [2, 2], p: [0, 2] }),
  conv({ c: 3, o: 8, h: 13, w: 20, k: [6, 6], s: [2, 2], p: [2, 2] }),
  conv({ c: 8, o: 20, h: 13, w: 20, d: [2, 2], p: [2, 2] }),
  conv({ c: 8, o: 8, h: 13, w: 20, k: [1, 3], s: [1, 2] }),
  conv({ c: 8, o: 8, h: 13, w: 20, k: [3, 1], s: [2, 1], bias: false }),
  conv({ c: 64, o: 64, h: 7, w: 7, k: [1, 1], bias: false }),
  conv({ c: 33, o: 70, h: 20, w: 20, k: [1, 1] }),
  conv({ n: 3, c: 5, o: 9, h: 7, w: 13 }),
  conv({ c: 4, o: 36, h: 7, w: 7, k: [5, 5], p: [0, 0] }),
  ...ACTIVATIONS.map((act) => conv({ c: 5, o: 6, h: 7, w: 7, act })),
];

export const GROUP_CASES: readonly OpCase<"conv2d">[] = [
  conv({ c: 6, o: 9, h: 7, w: 13, g: 3 }),
  conv({ c: 8, o: 8, h: 13, w: 13, g: 2, residual: true }),
  conv({ c: 5, o: 10, h: 7, w: 7, g: 5 }),
  conv({ c: 17, o: 17, h: 13, w: 20, g: 17, residual: true }),
  conv({ c: 3, o: 3, h: 20, w: 7, g: 3, k: [5, 5], s: [2, 2], d: [2, 2] }),
  conv({ n: 2, c: 16, o: 16, h: 7, w: 7, g: 16, bias: false }),
];

function transposed(c: number, o: number, g: number, k: number, s: number, p: number, op: number): OpCase {
  return {
    name: `convTranspose2d c=${c} o=${o} g=${g} k=${k} s=${s} p=${p} outputPadding=${op}`,
    type: "convTranspose2d",
    attrs: {
      stride: [s, s],
      padding: [p, p],
      dilation: [1, 1],
      outputPadding: [op, op],
      groups: g,
      activation: SILU,
      hasBias: true,
    },
    inputs: [[2, c, 7, 5]],
    weights: [[c, o / g, k, k], [o]],
    depth: (c / g) * k * k,
  };
}

function pool(kernel: number, stride: number, padding: number, dilation = 1, ceilMode = false): OpCase {
  return {
    name: `maxPool2d k=${kernel} s=${stride} p=${padding} d=${dilation} ceil=${ceilMode}`,
    type: "maxPool2d",
    attrs: {
      kernel: [kernel, kernel],
      stride: [stride, stride],
      padding: [padding, padding],
      dilation: [dilation, dilation],
      ceilMode,
    },
    inputs: [[2, 5, 13, 20]],
    weights: [],
    depth: 0,
  };
}

function simple<T extends OpType>(
  type: T,
  attrs: OpAttributes[T],
  inputs: readonly (readonly number[])[],
  more: { readonly weights?: readonly (readonly number[])[]; readonly depth?: number; readonly scale?: number } = {},
): OpCase {
  const name = `${type} ${inputs.map((shape) => shape.join("×")).join(" ")} ${JSON.stringify(attrs)}`;
  return { name, type, attrs, inputs, weights: [], depth: 1, ...more };
}

export const OTHER_CASES: readonly OpCase[] = [
  transposed(5, 3, 1, 2, 2, 0, 0),
  transposed(8, 12, 4, 3, 2, 1, 1),
  transposed(6, 6, 6, 4, 2, 1, 0),
  pool(5, 1, 2),
  pool(2, 2, 0),
  pool(3, 2, 1, 1, true),
  pool(3, 1, 1, 2),
  simple("batchNorm", { eps: 1e-3 }, [[2, 17, 7, 13]], { weights: [[17], [17], [17], [17]] }),
  ...ACTIVATIONS.map((activation) => simple("activation", { activation }, [[1, 5, 7, 13]], { scale: 9 })),
  simple("activation", { activation: SILU }, [[3, 37]]),
  simple("upsampleNearest", { scale: [2, 2] }, [[2, 5, 7, 13]]),
  simple("upsampleNearest", { scale: [3, 1] }, [[1, 17, 1, 7]]),
  simple("concat", { axis: 1 }, [
    [2, 5, 7, 13],
    [2, 3, 7, 13],
    [2, 17, 7, 13],
  ]),
  simple("concat", { axis: 1 }, [
    [1, 8, 7, 7],
    [1, 4, 7, 7],
  ]),
  simple("concat", { axis: 2 }, [
    [1, 5, 7, 3],
    [1, 5, 2, 3],
  ]),
  simple("concat", { axis: 1 }, [
    [2, 5],
    [2, 7],
  ]),
  simple("add", {}, [
    [2, 5, 7, 13],
    [2, 5, 7, 13],
  ]),
  simple("add", {}, [
    [1, 3, 1, 1],
    [1, 3, 1, 1],
    [1, 3, 1, 1],
  ]),
  simple("add", {}, [
    [2, 7],
    [2, 7],
  ]),
  simple("scale", { factor: -0.25 }, [[1, 17, 7, 7]]),
  simple("pad2d", { padding: [1, 2, 3, 0], value: 0.5 }, [[2, 5, 7, 13]]),
  simple("pad2d", { padding: [-1, 2, 0, -3], value: 0 }, [[1, 3, 7, 13]]),
  simple("spaceToDepth", { block: 2, order: "focus" }, [[2, 3, 14, 20]]),
  simple("spaceToDepth", { block: 2, order: "contract" }, [[1, 5, 2, 14]]),
  simple("depthToSpace", { block: 2 }, [[2, 20, 7, 13]]),
  simple("globalAveragePool", {}, [[2, 17, 13, 20]]),
  simple("globalAveragePool", {}, [[3, 5, 1, 1]]),
  simple("flatten", {}, [[2, 5, 7, 3]]),
  simple("softmax", { axis: 1 }, [[3, 17]], { scale: 6 }),
  simple("softmax", { axis: 1 }, [[2, 5, 7, 3]], { scale: 6 }),
  simple("softmax", { axis: 3 }, [[2, 5, 7, 3]], { scale: 6 }),
  simple("layerNorm", { eps: 1e-5 }, [[2, 17, 7, 7]], { weights: [[17], [17]], depth: 17 }),
  simple("layerNorm", { eps: 1e-5 }, [[1, 8, 7, 13]], { weights: [[8], [8]], depth: 8 }),
  simple(
    "attention",
    { heads: 4 },
    [
      [2, 20, 5, 7],
      [2, 20, 5, 7],
      [2, 20, 5, 7],
    ],
    { depth: 35, scale: 3 },
  ),
  simple(
    "attention",
    { heads: 1 },
    [
      [1, 3, 7, 1],
      [1, 3, 7, 1],
      [1, 3, 7, 1],
    ],
    { depth: 7 },
  ),
  simple("sliceChannels", { start: 4, end: 9 }, [[2, 17, 7, 13]]),
  simple("sliceChannels", { start: 3, end: 17 }, [[1, 17, 7, 13]]),
  simple(
    "detect",
    {
      anchors: [
        [10, 13, 16, 30, 33, 23],
        [30, 61, 62, 45, 59, 119],
      ],
      strides: [8, 16],
      outputs: 7,
      maskCoefficients: 0,
    },
    [
      [2, 21, 8, 12],
      [2, 21, 4, 6],
    ],
    { scale: 4 },
  ),
  simple("detect", { anchors: [[10, 13, 16, 30]], strides: [8], outputs: 11, maskCoefficients: 3 }, [[1, 22, 7, 5]], {
    scale: 4,
  }),
];

/**
 * The case as a graph, its inputs, and what the float64 reference makes of them. `half`: all of them numbers of float16.
 */
export function buildCase(
  opCase: OpCase,
  seed = 1,
  half = false,
): { graph: Graph; inputs: HostTensor[]; expected: HostTensor } {
  const random = (...given: Parameters<typeof randomTensor>): HostTensor<"float32"> =>
    half ? asHalves(randomTensor(...given)) : randomTensor(...given);
  const { type, attrs, scale = 1 } = opCase;
  const inputs = opCase.inputs.map((shape, i) => random(shape, seed * 100 + i, scale));
  const weights = opCase.weights.map((shape, i) => {
    const made = random(shape, seed * 100 + 50 + i);
    // A variance is positive.
    if (type === "batchNorm" && i === 3)
      return tensor(
        "float32",
        shape,
        made.data.map((v) => Math.abs(v) + 0.1),
      );
    return made;
  });
  const builder = new GraphBuilder();
  const inputIds = inputs.map((t, i) => builder.input(`x${i}`, t));
  const weightIds = weights.map((t, i) => builder.constant(`w${i}`, t));
  // conv2d takes its residual after the weights.
  const ids = type === "conv2d" ? [inputIds[0], ...weightIds, ...inputIds.slice(1)] : [...inputIds, ...weightIds];
  const values = type === "conv2d" ? [inputs[0], ...weights, ...inputs.slice(1)] : [...inputs, ...weights];
  const output = builder.add(type, "node", ids, attrs);
  builder.tap("node", output);
  const op = OPS[type] as unknown as { reference(inputs: readonly HostTensor[], attrs: unknown): HostTensor[] };
  const [expected] = op.reference(values.map(asFloat64), attrs);
  return { graph: builder.finish([output]), inputs, expected };
}

/** Rounded to float16. */
function asHalves(t: HostTensor<"float32">): HostTensor<"float32"> {
  return tensor(
    "float32",
    t.shape,
    t.data.map((v) => halfToFloat(floatToHalf(v))),
  );
}

/** A conv2d case of a given shape, for tests that need one of their own. */
export { conv as convCase };

/** The kernels' view of a case. */
export function convProblemOf({ attrs, inputs, weights }: OpCase<"conv2d">): ConvProblem {
  const [n, c, h, w] = inputs[0];
  const [o, , kh, kw] = weights[0];
  const size = (axis: 0 | 1, x: number, k: number): number =>
    Math.floor((x + 2 * attrs.padding[axis] - attrs.dilation[axis] * (k - 1) - 1) / attrs.stride[axis]) + 1;
  return {
    ...attrs,
    residual: attrs.hasResidual ? "input" : "none",
    input: storedTensor(n, c, h, w),
    output: storedTensor(n, o, size(0, h, kh), size(1, w, kw)),
    inChannels: c,
    outChannels: o,
    kernel: [kh, kw],
    inputChannels: Array.from({ length: Math.ceil(c / 4) * 4 }, (_, i) => (i < c ? i : -1)),
    compactInput: true,
  };
}
