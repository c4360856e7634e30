/** A graph as an ONNX file (opset 13), for the engines that the bench compares with, and for users of the format. */

import { GraphError, invariant } from "../errors.js";
import type { Graph, ValueId } from "../ops/index.js";
import { type HeadForm, lowerHeadForm } from "./headForm.js";
import { lowerNode } from "./lowerNode.js";
import { OnnxGraph } from "./onnxGraph.js";

export type { HeadForm } from "./headForm.js";
export { OPSET } from "./onnxGraph.js";

export interface OnnxOptions {
  /** Names of the inputs; default `images`, as PyTorch's export of YOLOv5 has it. */
  readonly inputNames?: readonly string[] | undefined;
  /** Names of the outputs; default `output0`, `output1` … */
  readonly outputNames?: readonly string[] | undefined;
  /** Form of the first output; by default as the graph has it. */
  readonly headForm?: HeadForm | undefined;
  /** Writes convolutions that the graph describes in integers in them (QDQ); otherwise in float32. */
  readonly quantized?: boolean | undefined;
  /** Free text that the file carries, e.g. `stride` and `names`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Version of the producer. */
  readonly version?: string | undefined;
}

/**
 * The graph as the bytes of an ONNX file, for exactly the shapes it was built for. Graphs as built and
 * optimised ones both work; an optimised one has its BatchNorms folded, which spares the reader that work.
 * Outputs are the graph's own, in its order: for detection [N, Σ na·H·W, no] decoded, in input pixels, unless `headForm`
 * asks for another form of the first.
 * @throws UnsupportedError for weights that are not float32; GraphError for a graph that is not well formed.
 */
export function exportOnnx(graph: Graph, options: OnnxOptions = {}): Uint8Array {
  const g = new OnnxGraph();
  const names = new Map<ValueId, string>();
  const inputs = graph.inputs.map((id, i) => {
    const name = g.reserve(options.inputNames?.[i] ?? (i === 0 ? "images" : `images${i}`));
    names.set(id, name);
    return { name, shape: graph.values[id].shape };
  });
  const ports = graph.outputs.map((_, i) => g.reserve(options.outputNames?.[i] ?? `output${i}`));
  const nameOf = (id: ValueId): string => {
    let name = names.get(id);
    if (name === undefined) {
      const constant = graph.constants.get(id);
      if (!constant) throw new GraphError(`ONNX export: value ${id} is read before any node produces it`, { id });
      name = g.initializer(graph.values[id].name, constant);
      names.set(id, name);
    }
    return name;
  };
  for (const node of graph.nodes) {
    invariant(node.outputs.length === 1, `${node.name} has ${node.outputs.length} outputs`);
    const operands = {
      descs: node.inputs.map((id) => graph.values[id]),
      name: (i: number) => nameOf(node.inputs[i]),
      constant: (i: number) => graph.constants.get(node.inputs[i]),
    };
    names.set(node.outputs[0], lowerNode(g, node, operands, options.quantized ?? false));
  }
  // Ports keep their own names whichever node produces them, even if a value is read again or output twice.
  const { metadata = {}, version = "", headForm } = options;
  const outputs = graph.outputs.map((id, i) => {
    const own = { name: nameOf(id), shape: graph.values[id].shape };
    const given = i === 0 && headForm !== undefined ? lowerHeadForm(g, graph, own, headForm) : own;
    g.nodeOf("Identity", [given.name], [ports[i]]);
    return { name: ports[i], shape: given.shape };
  });
  return g.finish(inputs, outputs, { producer: "yolov5-ts", version, metadata });
}
