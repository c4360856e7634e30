/** The maps that a head decodes: the last convolutions before an output, and the nodes in between. */

import { CheckpointError, invariant, LimitError } from "../../../errors.js";
import { about, evaluateNode, type Meter, makeValue, type OnnxValue, refuse } from "../../../onnx/evaluate/index.js";
import { elementCount, type HostTensor, seededRandom } from "../../../tensor/index.js";
import { cutText } from "../../../weights/describe.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { refusalOf } from "../graph/refusals.js";

/** One convolution whose output is decoded. */
export interface HeadMap {
  readonly node: OnnxNode;
  readonly shape: readonly [n: number, c: number, h: number, w: number];
  /** Input pixels per cell. */
  readonly stride: number;
}

/** An output and the nodes that decode it. */
export interface Decoding {
  readonly output: string;
  readonly maps: readonly HeadMap[];
  /** In an order in which they can run. */
  readonly nodes: readonly OnnxNode[];
}

/** Of all maps, each once, ascending. */
export const stridesOf = ({ maps }: Decoding): number[] =>
  [...new Set(maps.map(({ stride }) => stride))].sort((a, b) => a - b);

/** A convolution that weighs bins by 0, 1, 2 …: part of the decoding. */
function weighsBins(graph: FoldedGraph, node: OnnxNode): boolean {
  const weight = graph.shapeOf(node.inputs[1]);
  if (weight?.length !== 4 || weight[0] !== 1 || weight[1] < 2 || weight[1] > 256 || node.inputs[2]) return false;
  return graph.constant(node.inputs[1])?.data.every((value, i) => value === i) ?? false;
}

/** @throws CheckpointError for an output that is not decoded from feature maps of the input's proportions. */
export function decodingOf(graph: FoldedGraph, output: string): Decoding {
  const maps = new Set<OnnxNode>();
  const between = new Set<OnnxNode>();
  const open = [output];
  for (const name of open) {
    if (name === "" || graph.isConstant(name)) continue;
    const node = graph.maker(name);
    if (!node) throw notHead(output, "it depends on the picture without a layer between");
    if (maps.has(node) || between.has(node)) continue;
    if (node.operator === "Conv" && node.domain === "" && !weighsBins(graph, node)) maps.add(node);
    else {
      between.add(node);
      for (const input of node.inputs) open.push(input);
    }
  }
  const ordered = graph.model.nodes.filter((node) => maps.has(node)).map((node) => mapOf(graph, node, output));
  if (ordered.length === 0) throw notHead(output, "no convolution leads to it");
  return { output, maps: ordered, nodes: graph.model.nodes.filter((node) => between.has(node)) };
}

function mapOf(graph: FoldedGraph, node: OnnxNode, output: string): HeadMap {
  const shape = graph.shapeOf(node.outputs[0]) ?? refuseUnknown(graph, node);
  const [n, c, h, w] = shape;
  const [batch, , height, width] = graph.inputShape;
  const stride = height / h;
  if (shape.length !== 4 || n !== batch || !Number.isInteger(stride) || stride !== width / w) {
    throw notHead(output, `its map ${cutText(node.name)} is ${shape.join("×")} for an input of ${height}×${width}`);
  }
  return { node, shape: [n, c, h, w], stride };
}

/** @throws UnsupportedError that names the first node on the way to this one whose result is not known. */
function refuseUnknown(graph: FoldedGraph, map: OnnxNode): never {
  const before = new Set<OnnxNode>([map]);
  for (const { inputs } of before) {
    for (const name of inputs) {
      const maker = graph.isConstant(name) ? undefined : graph.maker(name);
      if (maker) before.add(maker);
    }
  }
  const unknown = graph.model.nodes.find((node) => before.has(node) && !graph.shapeOf(node.outputs[0])) ?? map;
  return refuse(unknown, refusalOf(unknown));
}

/** The error for a file whose output is not decoded like any known head. @param maker the node that produces it, if it is known. */
export function notHead(output: string, why: string, maker?: OnnxNode): CheckpointError {
  const by = maker ? ` (of ${about(maker)})` : "";
  return new CheckpointError(
    `is an ONNX model whose output ${cutText(output)}${by} is not decoded as in YOLOv5, YOLOv8, YOLO11 or YOLO26 (${why}); ` +
      "give an export of one of those, or the .pt checkpoint that it was exported from",
    { output },
  );
}

/** Distinct numbers for a map, the same in every run. */
export function probe({ shape }: HeadMap, seed: number, low: number, high: number): HostTensor<"float32"> {
  const random = seededRandom(seed);
  const data = new Float32Array(elementCount(shape)).map(() => low + (high - low) * random());
  return { dtype: "float32", shape, data };
}

export const asValue = ({ shape, data }: HostTensor<"float32">): OnnxValue => makeValue("float", shape, data);

/** What is needed to compute nodes on the host. */
export interface HostRun {
  readonly opset: number;
  readonly meter: Meter;
  /** Bytes alive at one time. */
  readonly liveLimit: number;
  constant(name: string): OnnxValue | undefined;
}

/** Decodes given maps with the file's own operators. @throws UnsupportedError that names an operator which is not computed here. */
export function decode(run: HostRun, { output, maps, nodes }: Decoding, given: readonly OnnxValue[]): OnnxValue {
  const { opset, meter, liveLimit } = run;
  const values = new Map(maps.map(({ node }, i) => [node.outputs[0], given[i]]));
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) readers.set(name, (readers.get(name) ?? 0) + 1);
  let live = 0;
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (values.get(name) ?? run.constant(name))));
    const results = evaluateNode({ node, inputs, opset, meter });
    for (const [i, name] of node.outputs.entries()) {
      if (!results[i]) continue;
      values.set(name, results[i]);
      live += results[i].data.byteLength;
    }
    if (live > liveLimit) {
      throw new LimitError(`${about(node)}: decoding its outputs takes more memory than any YOLO export does`);
    }
    for (const name of node.inputs) {
      const left = (readers.get(name) ?? 0) - 1;
      readers.set(name, left);
      if (left !== 0 || name === output) continue;
      live -= values.get(name)?.data.byteLength ?? 0;
      values.delete(name);
    }
  }
  const result = values.get(output);
  invariant(result, `the output ${output} was not computed`);
  return result;
}
