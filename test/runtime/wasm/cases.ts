/** Cases for the WASM backend: odd shapes × ops, each compared with the op's float64 reference. */

import {
  type Activation,
  type Graph,
  GraphBuilder,
  IDENTITY,
  type Node,
  OPS,
  type OpAttributes,
  opOf,
  type ValueId,
} from "../../../src/ops/index.js";
import { type HostTensor, tensor } from "../../../src/tensor/index.js";

/** Seeded uniform numbers in [−1, 1) (mulberry32). */
export function randomTensor(shape: readonly number[], seed: number, scale = 1): HostTensor<"float32"> {
  let state = seed * 0x9e3779b9;
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    data[i] = scale * (((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1);
  }
  return tensor("float32", shape, data);
}

export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: readonly HostTensor[];
}

/** A graph from a function over a builder; inputs are random. */
export function graphCase(
  name: string,
  shapes: readonly (readonly number[])[],
  build: (b: GraphBuilder, inputs: readonly ValueId[]) => readonly ValueId[],
  scale = 1,
): Case {
  const builder = new GraphBuilder();
  const ids = shapes.map((shape, i) => builder.input(`x${i}`, { shape, dtype: "float32" }));
  const outputs = build(builder, ids);
  return { name, graph: builder.finish(outputs), inputs: shapes.map((shape, i) => randomTensor(shape, i + 1, scale)) };
}

/** What the references give, in float64. */
export function expected({ graph, inputs }: Case): HostTensor[] {
  const wide = (t: HostTensor): HostTensor => tensor("float64", t.shape, Float64Array.from(t.data as Float32Array));
  const values = new Map<ValueId, HostTensor>([...graph.constants].map(([id, t]) => [id, wide(t)]));
  graph.inputs.forEach((id, i) => {
    values.set(id, wide(inputs[i]));
  });
  for (const node of graph.nodes) {
    const operands = node.inputs.map((id) => values.get(id) as HostTensor);
    const results = opOf(node).reference(operands, node.attrs);
    node.outputs.forEach((id, i) => {
      values.set(id, results[i]);
    });
  }
  return graph.outputs.map((id) => values.get(id) as HostTensor);
}

interface ConvOptions {
  readonly x: readonly [n: number, c: number, h: number, w: number];
  readonly o: number;
  readonly k: number | readonly [number, number];
  readonly s?: number | readonly [number, number];
  readonly p?: number | readonly [number, number];
  readonly d?: number;
  readonly g?: number;
  readonly act?: Activation;
  readonly bias?: boolean;
  readonly residual?: boolean;
}

const pair = (v: number | readonly [number, number]): readonly [number, number] => (typeof v === "number" ? [v, v] : v);

export function convCase(o: ConvOptions): Case {
  const { x, o: outputs, k, s = 1, p = 0, d = 1, g = 1, act = IDENTITY, bias = true, residual = false } = o;
  const kernel = pair(k);
  const name = `conv2d x=[${x}] o=${outputs} k=${kernel} s=${pair(s)} p=${pair(p)} d=${d} g=${g} ${act.kind}${bias ? "" : " no bias"}${residual ? " residual" : ""}`;
  const attrs: OpAttributes["conv2d"] = {
    stride: pair(s),
    padding: pair(p),
    dilation: [d, d],
    groups: g,
    activation: act,
    hasBias: bias,
    hasResidual: residual,
  };
  const weightShape = [outputs, x[1] / g, ...kernel];
  const [y] = OPS.conv2d.infer(
    [
      { shape: x, dtype: "float32" },
      { shape: weightShape, dtype: "float32" },
    ],
    { ...attrs, hasBias: false, hasResidual: false },
    name,
  );
  const shapes: (readonly number[])[] = residual ? [x, y.shape] : [x];
  return graphCase(name, shapes, (b, [input, other]) => {
    const inputs = [input, b.constant("w", randomTensor(weightShape, 7))];
    if (bias) inputs.push(b.constant("b", randomTensor([outputs], 8)));
    if (residual) inputs.push(other);
    return [b.add("conv2d", "conv", inputs, attrs)];
  });
}

const silu: Activation = { kind: "silu" };

export const CONV_CASES: readonly Case[] = [
  convCase({ x: [1, 8, 5, 7], o: 16, k: 1, act: silu }),
  convCase({ x: [1, 3, 9, 7], o: 5, k: 1 }),
  convCase({ x: [2, 7, 4, 3], o: 13, k: 1, act: silu, residual: true }),
  convCase({ x: [1, 64, 1, 1], o: 255, k: 1, bias: false }),
  convCase({ x: [1, 16, 6, 6], o: 12, k: 1, s: 2 }),
  convCase({ x: [1, 3, 17, 19], o: 16, k: 6, s: 2, p: 2, act: silu }),
  convCase({ x: [2, 3, 18, 22], o: 10, k: 6, s: 2, p: 2, act: silu }),
  convCase({ x: [1, 3, 12, 10], o: 8, k: 6, s: 2, p: 2, bias: false }),
  convCase({ x: [2, 3, 12, 10], o: 9, k: 3, p: 1, act: silu }),
  convCase({ x: [1, 1, 8, 8], o: 4, k: 5, p: 2 }),
  convCase({ x: [1, 4, 7, 9], o: 8, k: 3, p: 1 }),
  convCase({ x: [1, 16, 20, 20], o: 16, k: 3, p: 1, act: silu, residual: true }),
  convCase({ x: [2, 20, 13, 11], o: 24, k: 3, p: 1, act: silu }),
  convCase({ x: [1, 12, 5, 6], o: 20, k: 3, p: 0 }),
  convCase({ x: [1, 10, 3, 2], o: 7, k: 3, p: 1, bias: false }),
  convCase({ x: [1, 8, 15, 13], o: 16, k: 3, s: 2, p: 1, act: silu }),
  convCase({ x: [2, 20, 26, 24], o: 12, k: 3, s: 2, p: 1, act: silu, residual: true }),
  convCase({ x: [1, 8, 17, 16], o: 28, k: 3, s: 2, p: 0 }),
  convCase({ x: [2, 9, 8, 8], o: 8, k: 3, s: [2, 1], p: [1, 0] }),
  convCase({ x: [1, 8, 12, 12], o: 8, k: 3, p: 2, d: 2 }),
  convCase({ x: [1, 6, 9, 9], o: 10, k: [1, 3], p: [0, 1], act: { kind: "relu" } }),
  convCase({ x: [1, 8, 9, 9], o: 8, k: [3, 1], p: [1, 0] }),
  convCase({ x: [1, 8, 6, 5], o: 8, k: 3, p: 1, g: 8, act: silu, residual: true }),
  convCase({ x: [2, 7, 9, 9], o: 7, k: 5, s: 2, p: 2, g: 7 }),
  convCase({ x: [1, 8, 5, 5], o: 16, k: 3, p: 1, g: 8 }),
  convCase({ x: [1, 8, 5, 5], o: 8, k: 3, p: 1, g: 2, act: silu }),
  convCase({ x: [1, 6, 5, 5], o: 9, k: 3, p: 1, g: 3 }),
  convCase({ x: [1, 6, 5, 5], o: 12, k: 1, g: 6 }),
  convCase({ x: [1, 24, 4, 4], o: 24, k: 3, p: 1, g: 2, residual: true }),
];

export const ACTIVATIONS: readonly Activation[] = [
  { kind: "identity" },
  silu,
  { kind: "sigmoid" },
  { kind: "relu" },
  { kind: "relu6" },
  { kind: "leakyRelu", slope: 0.1015625 },
  { kind: "hardswish" },
  { kind: "hardsigmoid" },
  { kind: "mish" },
  { kind: "gelu" },
  { kind: "tanh" },
  { kind: "elu", alpha: 0.7 },
  { kind: "softplus" },
];

const conv = (b: GraphBuilder, x: ValueId, o: number, seed: number, name = `conv${seed}`): ValueId =>
  b.add("conv2d", name, [x, b.constant(`w${seed}`, randomTensor([o, b.shape(x)[1], 1, 1], seed))], {
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    activation: silu,
    hasBias: false,
    hasResidual: false,
  });

const pool = (
  kernel: number,
  stride: number,
  padding: number,
  dilation = 1,
  ceilMode = false,
): OpAttributes["maxPool2d"] => ({
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
  dilation: [dilation, dilation],
  ceilMode,
});

function transposed(
  x: readonly number[],
  o: number,
  k: number,
  s: number,
  p: number,
  g = 1,
  outputPadding = 0,
  d = 1,
): Case {
  return graphCase(
    `convTranspose2d x=[${x}] o=${o} k=${k} s=${s} p=${p} g=${g} op=${outputPadding} d=${d}`,
    [x],
    (b, [id]) => [
      b.add(
        "convTranspose2d",
        "up",
        [id, b.constant("w", randomTensor([x[1], o / g, k, k], 5)), b.constant("b", randomTensor([o], 6))],
        {
          stride: [s, s],
          padding: [p, p],
          dilation: [d, d],
          groups: g,
          activation: silu,
          outputPadding: [outputPadding, outputPadding],
          hasBias: true,
        },
      ),
    ],
  );
}

function detectCase(n: number, sizes: readonly (readonly [number, number])[], classes: number, masks: number): Case {
  const outputs = 5 + classes + masks;
  return graphCase(
    `detect n=${n} classes=${classes} masks=${masks}`,
    sizes.map(([h, w]) => [n, 3 * outputs, h, w]),
    (b, ids) => [
      b.add("detect", "head", ids, {
        anchors: sizes.map((_, i) => [10, 13, 16, 30, 33, 23].map((v) => v * (i + 1))),
        strides: sizes.map((_, i) => 8 << i),
        outputs,
        maskCoefficients: masks,
      }),
    ],
    4,
  );
}

export const OP_CASES: readonly Case[] = [
  graphCase("maxPool2d 5×5", [[1, 8, 9, 7]], (b, [x]) => [b.add("maxPool2d", "p", [x], pool(5, 1, 2))]),
  graphCase("maxPool2d 2×2 s2 odd channels", [[2, 5, 8, 6]], (b, [x]) => [b.add("maxPool2d", "p", [x], pool(2, 2, 0))]),
  graphCase("maxPool2d 3×3 s2 ceil", [[1, 4, 8, 8]], (b, [x]) => [
    b.add("maxPool2d", "p", [x], pool(3, 2, 0, 1, true)),
  ]),
  graphCase("maxPool2d 13×13 larger than the map", [[1, 4, 5, 5]], (b, [x]) => [
    b.add("maxPool2d", "p", [x], pool(13, 1, 6)),
  ]),
  graphCase("maxPool2d dilation 2", [[1, 4, 9, 9]], (b, [x]) => [b.add("maxPool2d", "p", [x], pool(3, 1, 1, 2))]),
  graphCase("upsampleNearest 2×2", [[1, 6, 3, 5]], (b, [x]) => [b.add("upsampleNearest", "u", [x], { scale: [2, 2] })]),
  graphCase("upsampleNearest 3×1", [[2, 8, 3, 2]], (b, [x]) => [b.add("upsampleNearest", "u", [x], { scale: [3, 1] })]),
  graphCase("upsampleNearest 1×1", [[1, 8, 3, 2]], (b, [x]) => [b.add("upsampleNearest", "u", [x], { scale: [1, 1] })]),
  graphCase("concat of convolutions, odd channels, read in part", [[1, 5, 4, 6]], (b, [x]) => {
    const parts = [conv(b, x, 23, 1), conv(b, x, 8, 2), conv(b, x, 1, 3)];
    const cat = b.add("concat", "cat", parts, { axis: 1 });
    const again = b.add("concat", "cat2", [conv(b, parts[0], 6, 4), cat, cat], { axis: 1 });
    const slice = b.add("sliceChannels", "slice", [again], { start: 9, end: 41 });
    return [conv(b, again, 17, 5), slice, b.add("maxPool2d", "p", [cat], pool(3, 1, 1)), cat];
  }),
  graphCase(
    "concat of inputs",
    [
      [2, 3, 4, 4],
      [2, 4, 4, 4],
    ],
    (b, [x, y]) => [b.add("concat", "cat", [x, y, x], { axis: 1 })],
  ),
  graphCase(
    "concat axis 0, 2, 3",
    [
      [1, 3, 2, 4],
      [1, 3, 2, 4],
    ],
    (b, [x, y]) => [0, 2, 3].map((axis) => b.add("concat", `cat${axis}`, [x, y], { axis })),
  ),
  graphCase("concat of one", [[1, 8, 2, 2]], (b, [x]) => [
    conv(b, b.add("concat", "c", [conv(b, x, 8, 1)], { axis: 1 }), 4, 2),
  ]),
  graphCase(
    "concat rank 3 and 2",
    [
      [1, 3, 5],
      [1, 4, 5],
    ],
    (b, [x, y]) => [b.add("concat", "cat", [x, y], { axis: 1 })],
  ),
  graphCase(
    "add of three",
    [
      [1, 5, 4, 4],
      [1, 5, 4, 4],
      [1, 5, 4, 4],
    ],
    (b, xs) => [b.add("add", "sum", xs, {})],
  ),
  graphCase("add of different channel layouts", [[1, 5, 4, 4]], (b, [x]) => {
    const cat = b.add("concat", "cat", [conv(b, x, 5, 1), conv(b, x, 3, 2)], { axis: 1 });
    const cat2 = b.add("concat", "cat2", [conv(b, x, 3, 3), conv(b, x, 5, 4)], { axis: 1 });
    return [b.add("add", "sum", [cat, cat2], {}), b.add("add", "sum2", [cat, conv(b, x, 8, 5)], {})];
  }),
  graphCase(
    "scale, rank 4 and 3",
    [
      [1, 6, 3, 3],
      [2, 3, 5],
    ],
    (b, [x, y]) => [b.add("scale", "s", [x], { factor: 0.3 }), b.add("scale", "s2", [y], { factor: -2 })],
  ),
  graphCase("batchNorm", [[2, 6, 3, 3]], (b, [x]) => {
    const vector = (seed: number): ValueId => b.constant(`c${seed}`, randomTensor([6], seed));
    const variance = b.constant("v", tensor("float32", [6], Float32Array.from([1, 2, 0.5, 3, 0.1, 1])));
    return [b.add("batchNorm", "bn", [x, vector(1), vector(2), vector(3), variance], { eps: 1e-3 })];
  }),
  graphCase("pad2d", [[1, 5, 4, 3]], (b, [x]) => [
    b.add("pad2d", "p", [x], { padding: [1, 2, 3, 0], value: 0.5 }),
    b.add("pad2d", "crop", [x], { padding: [-1, 1, 0, -2], value: 0 }),
  ]),
  graphCase("spaceToDepth", [[2, 3, 4, 6]], (b, [x]) => [
    b.add("spaceToDepth", "focus", [x], { block: 2, order: "focus" }),
    conv(b, b.add("spaceToDepth", "contract", [x], { block: 2, order: "contract" }), 7, 1),
  ]),
  graphCase(
    "depthToSpace",
    [
      [1, 12, 3, 2],
      [1, 16, 2, 3],
    ],
    (b, [x, y]) => [b.add("depthToSpace", "d", [x], { block: 2 }), b.add("depthToSpace", "e", [y], { block: 2 })],
  ),
  graphCase("flatten", [[2, 5, 3, 2]], (b, [x]) => [b.add("flatten", "f", [x], {})]),
  graphCase("sliceChannels", [[2, 21, 3, 2]], (b, [x]) => [
    b.add("sliceChannels", "a", [x], { start: 3, end: 10 }),
    b.add("sliceChannels", "b", [x], { start: 8, end: 21 }),
    b.add("scale", "s", [b.add("sliceChannels", "c", [x], { start: 4, end: 9 })], { factor: 2 }),
  ]),
  transposed([1, 8, 5, 4], 8, 2, 2, 0),
  transposed([2, 6, 3, 5], 10, 4, 2, 1),
  transposed([1, 8, 4, 4], 8, 4, 2, 1, 8),
  transposed([1, 4, 3, 3], 6, 3, 3, 0, 2, 1),
  transposed([1, 4, 3, 3], 4, 1, 2, 0),
  transposed([1, 4, 5, 5], 4, 3, 1, 1, 1, 0, 2),
  detectCase(
    1,
    [
      [4, 6],
      [2, 3],
    ],
    80,
    0,
  ),
  detectCase(2, [[3, 2]], 1, 0),
  detectCase(1, [[3, 2]], 2, 32),
  detectCase(1, [[2, 2]], 3, 1),
  graphCase("globalAveragePool", [[2, 5, 3, 4]], (b, [x]) => {
    const mean = b.add("globalAveragePool", "g", [x], {});
    return [mean, conv(b, mean, 3, 1), b.add("flatten", "f", [conv(b, mean, 10, 2)], {})];
  }),
  graphCase(
    "softmax, every axis",
    [
      [2, 5, 3, 4],
      [2, 17],
    ],
    (b, [x, y]) => [
      ...[0, 1, 2, 3].map((axis) => b.add("softmax", `s${axis}`, [x], { axis })),
      b.add("softmax", "t", [y], { axis: 1 }),
    ],
    20,
  ),
  graphCase("layerNorm", [[2, 7, 3, 2]], (b, [x]) => {
    const [weight, bias] = [3, 4].map((seed) => b.constant(`c${seed}`, randomTensor([7], seed)));
    return [conv(b, b.add("layerNorm", "n", [x, weight, bias], { eps: 1e-5 }), 5, 1)];
  }),
  ...(
    [
      [16, 4, 5, 4],
      [10, 2, 3, 3],
      [6, 1, 1, 1],
    ] as const
  ).map(([c, heads, h, w]) => {
    const shape = [2, c, h, w];
    return graphCase(
      `attention c=${c} heads=${heads} ${h}×${w}`,
      [shape, shape, shape],
      (b, qkv) => [b.add("attention", "a", qkv, { heads })],
      3,
    );
  }),
  graphCase("the input is an output", [[1, 3, 2, 2]], (b, [x]) => [x, b.add("scale", "s", [x], { factor: 2 })]),
];

export const nodeTypes = (cases: readonly Case[]): Set<Node["type"]> =>
  new Set(cases.flatMap(({ graph }) => graph.nodes.map(({ type }) => type)));
