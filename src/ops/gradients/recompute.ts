/**
 * What is kept for the backward pass and what is computed again, under a byte budget (Chen et al. 2016, "Training deep nets with
 * sublinear memory cost"). Outputs of ops that cost little are given up first, the largest first: an activation or a concat is
 * computed again from the convolution's output in a fraction of the time that this took.
 */

import { LimitError } from "../../errors.js";
import { elementCount } from "../../tensor/index.js";
import type { ValueId } from "../graph/graph.js";
import { liveSetBytes } from "../graph/liveness.js";
import { asGraph, type TrainingGraph, type TrainingNode } from "./graph.js";

/** Ops whose outputs are cheap to compute again. */
const CHEAP: ReadonlySet<string> = new Set([
  "activation",
  "add",
  "batchNorm",
  "concat",
  "fakeQuantize",
  "maxPool2d",
  "pad2d",
  "scale",
  "sliceChannels",
  "upsampleNearest",
]);

const BYTES_PER_FLOAT = 4;

/** Bytes that are live at one time during a step, in float32. */
export function trainingBytes(graph: TrainingGraph): number {
  return liveSetBytes(asGraph(graph), () => BYTES_PER_FLOAT);
}

/**
 * The graph with as many values computed again as the budget demands; the same where it fits.
 * @throws LimitError where it does not fit with everything cheap computed again.
 */
export function withinBudget(graph: TrainingGraph, bytes: number): TrainingGraph {
  let least = trainingBytes(graph);
  if (least <= bytes) return graph;
  const dropped = new Set<ValueId>();
  for (const id of candidates(graph)) {
    dropped.add(id);
    const lean = withoutKept(graph, dropped);
    least = Math.min(least, trainingBytes(lean));
    if (least <= bytes) return lean;
  }
  const mib = (count: number): number => Math.ceil(count / 2 ** 20);
  throw new LimitError(
    `training: a step needs ${mib(least)} MiB, more than the ${mib(bytes)} MiB allowed; use a smaller batch or imgsz`,
    { least, bytes },
  );
}

/** Values of the forward pass that the backward pass reads and that are cheap to compute again, the largest first. */
function candidates(graph: TrainingGraph): ValueId[] {
  const { nodes, forward, values, outputs } = graph;
  const read = new Set(nodes.slice(forward).flatMap(({ inputs }) => inputs));
  return nodes
    .slice(0, forward)
    .filter(({ type }) => CHEAP.has(type))
    .map((node) => node.outputs[0])
    .filter((id) => read.has(id) && !outputs.includes(id))
    .sort((a, b) => elementCount(values[b].shape) - elementCount(values[a].shape));
}

/** The backward pass computes `dropped` values again, each once, right before it first needs them. */
function withoutKept(graph: TrainingGraph, dropped: ReadonlySet<ValueId>): TrainingGraph {
  const values = [...graph.values];
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  const nodes: TrainingNode[] = graph.nodes.slice(0, graph.forward);
  const again = new Map<ValueId, ValueId>();
  const copyOf = (id: ValueId): ValueId => {
    const node = producers.get(id);
    if (!dropped.has(id) || !node) return id;
    const known = again.get(id);
    if (known !== undefined) return known;
    const inputs = node.inputs.map(copyOf);
    const copy = values.length;
    values.push({ ...values[id], id: copy });
    nodes.push({ ...node, inputs, outputs: [copy] } as TrainingNode);
    again.set(id, copy);
    return copy;
  };
  for (const node of graph.nodes.slice(graph.forward)) {
    const inputs = node.inputs.map(copyOf);
    nodes.push({ ...node, inputs } as TrainingNode);
  }
  return { ...graph, nodes, values };
}
