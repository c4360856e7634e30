/** What tests of descriptions compare: sizes, shapes and graphs. */

import { type Graph, type Node, OPS } from "../../../src/ops/index.js";
import { elementCount } from "../../../src/tensor/index.js";
import type { ModuleNode } from "../../../src/weights/types.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";

/** The convolutions of a graph as built: parameters once BatchNorm is folded (each then has a bias), and operations. */
export function convolutions(graph: Graph): { parameters: number; gflops: number } {
  let parameters = 0;
  let flops = 0;
  for (const node of graph.nodes) {
    if (node.type !== "conv2d") continue;
    const descs = (ids: Node["inputs"]) => ids.map((id) => graph.values[id]);
    const [inputs, outputs] = [descs(node.inputs), descs(node.outputs)];
    parameters += elementCount(inputs[1].shape) + outputs[0].shape[1];
    flops += OPS.conv2d.flops(inputs, outputs, node.attrs);
  }
  return { parameters, gflops: flops / 1e9 };
}

/** Nodes without their ids: what two graphs of one network share. */
export function describeGraph(graph: Graph) {
  return graph.nodes.map(({ type, name, attrs, inputs, outputs }) => ({
    type,
    name,
    attrs,
    inputs: inputs.map((id) => `${graph.values[id].name} ${graph.values[id].shape}`),
    outputs: outputs.map((id) => `${graph.values[id].name} ${graph.values[id].shape}`),
  }));
}

export const shapesOf = (tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): string[] =>
  [...tensors]
    .filter(([name]) => !/num_batches_tracked$|anchor_grid$/.test(name))
    .map(([name, { shape }]) => `${name} [${shape}]`)
    .sort();

export function headStrides(module: ModuleNode): readonly number[] {
  return buildGraph(module, [1, 3, 128, 128]).head.strides;
}
