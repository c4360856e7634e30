/** Cases of several nodes: values read twice, slices of concats, layouts that must be converted. */

import { type Graph, GraphBuilder, type OpAttributes, opOf, type ValueId } from "../../../src/ops/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { asFloat64, randomTensor } from "../random.js";
import { SILU } from "./opCase.js";

export interface NetworkCase {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: readonly HostTensor[];
}

/** A graph from a function over a builder; inputs are random. */
export function networkCase(
  name: string,
  shapes: readonly (readonly number[])[],
  build: (b: GraphBuilder, inputs: readonly ValueId[]) => readonly ValueId[],
  scale = 1,
): NetworkCase {
  const builder = new GraphBuilder();
  const ids = shapes.map((shape, i) => builder.input(`x${i}`, { shape, dtype: "float32" }));
  const outputs = build(builder, ids);
  return { name, graph: builder.finish(outputs), inputs: shapes.map((shape, i) => randomTensor(shape, i + 1, scale)) };
}

/** What the references give, in float64. */
export function expectedOf({ graph, inputs }: Pick<NetworkCase, "graph" | "inputs">): HostTensor[] {
  const values = new Map<ValueId, HostTensor>([...graph.constants].map(([id, t]) => [id, asFloat64(t)]));
  graph.inputs.forEach((id, i) => {
    values.set(id, asFloat64(inputs[i]));
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

const conv = (b: GraphBuilder, x: ValueId, o: number, seed: number, name = `conv${seed}`): ValueId =>
  b.add("conv2d", name, [x, b.constant(`w${seed}`, randomTensor([o, b.shape(x)[1], 1, 1], seed))], {
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    activation: SILU,
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

export const NETWORK_CASES: readonly NetworkCase[] = [
  networkCase("concat of convolutions, odd channels, read in part", [[1, 5, 4, 6]], (b, [x]) => {
    const parts = [conv(b, x, 23, 1), conv(b, x, 8, 2), conv(b, x, 1, 3)];
    const cat = b.add("concat", "cat", parts, { axis: 1 });
    const again = b.add("concat", "cat2", [conv(b, parts[0], 6, 4), cat, cat], { axis: 1 });
    const slice = b.add("sliceChannels", "slice", [again], { start: 9, end: 41 });
    return [conv(b, again, 17, 5), slice, b.add("maxPool2d", "p", [cat], pool(3, 1, 1)), cat];
  }),
  networkCase(
    "concat of inputs",
    [
      [2, 3, 4, 4],
      [2, 4, 4, 4],
    ],
    (b, [x, y]) => [b.add("concat", "cat", [x, y, x], { axis: 1 })],
  ),
  networkCase("concat of one", [[1, 8, 2, 2]], (b, [x]) => [
    conv(b, b.add("concat", "c", [conv(b, x, 8, 1)], { axis: 1 }), 4, 2),
  ]),
  networkCase("add of different channel layouts", [[1, 5, 4, 4]], (b, [x]) => {
    const cat = b.add("concat", "cat", [conv(b, x, 5, 1), conv(b, x, 3, 2)], { axis: 1 });
    const cat2 = b.add("concat", "cat2", [conv(b, x, 3, 3), conv(b, x, 5, 4)], { axis: 1 });
    return [b.add("add", "sum", [cat, cat2], {}), b.add("add", "sum2", [cat, conv(b, x, 8, 5)], {})];
  }),
  networkCase("spaceToDepth", [[2, 3, 4, 6]], (b, [x]) => [
    b.add("spaceToDepth", "focus", [x], { block: 2, order: "focus" }),
    conv(b, b.add("spaceToDepth", "contract", [x], { block: 2, order: "contract" }), 7, 1),
  ]),
  networkCase("sliceChannels", [[2, 21, 3, 2]], (b, [x]) => [
    b.add("sliceChannels", "a", [x], { start: 3, end: 10 }),
    b.add("sliceChannels", "b", [x], { start: 8, end: 21 }),
    b.add("scale", "s", [b.add("sliceChannels", "c", [x], { start: 4, end: 9 })], { factor: 2 }),
  ]),
  networkCase("globalAveragePool", [[2, 5, 3, 4]], (b, [x]) => {
    const mean = b.add("globalAveragePool", "g", [x], {});
    return [mean, conv(b, mean, 3, 1), b.add("flatten", "f", [conv(b, mean, 10, 2)], {})];
  }),
  networkCase("layerNorm", [[2, 7, 3, 2]], (b, [x]) => {
    const [weight, bias] = [3, 4].map((seed) => b.constant(`c${seed}`, randomTensor([7], seed)));
    return [conv(b, b.add("layerNorm", "n", [x, weight, bias], { eps: 1e-5 }), 5, 1)];
  }),
  networkCase("the input is an output", [[1, 3, 2, 2]], (b, [x]) => [x, b.add("scale", "s", [x], { factor: 2 })]),
];
