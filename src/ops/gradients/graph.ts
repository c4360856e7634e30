/** The graph of a training step: a forward graph, and behind it the nodes that compute gradients. */

import { type HostTensor, tensor } from "../../tensor/index.js";
import type { Graph, Node, ValueId } from "../graph/graph.js";
import { opOf } from "../registry.js";
import type { GradientAttributes, GradientType } from "./attributes.js";
import type { GradientOp } from "./gradientOp.js";
import { GRADIENT_OPS } from "./registry.js";

export interface GradientNodeOf<T extends GradientType> {
  readonly type: T;
  readonly name: string;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  readonly attrs: GradientAttributes[T];
}

export type GradientNode = { [T in GradientType]: GradientNodeOf<T> }[GradientType];
export type TrainingNode = Node | GradientNode;

/** A graph to differentiate: as built, and with what only training computes. */
export type ForwardGraph = Omit<Graph, "nodes"> & {
  readonly nodes: readonly (Node | GradientNodeOf<"fakeQuantize">)[];
};

/** A weight that is trained. */
export interface Parameter {
  /** The constant. */
  readonly value: ValueId;
  /** Its gradient, one of the graph's outputs. */
  readonly gradient: ValueId;
}

export interface TrainingGraph extends Omit<Graph, "nodes"> {
  /** First those of the forward pass, as many as `forward`. */
  readonly nodes: readonly TrainingNode[];
  readonly forward: number;
  /** What the network gives; the gradients of the loss with respect to them are further inputs, in this order. */
  readonly results: readonly ValueId[];
  readonly seeds: readonly ValueId[];
  readonly parameters: readonly Parameter[];
}

export function isGradientNode(node: TrainingNode): node is GradientNode {
  return node.type in GRADIENT_OPS;
}

/** For functions that only look at which node reads which value, or pass over types they do not know. */
export function asGraph(graph: TrainingGraph): Graph {
  return graph as Graph;
}

/** What the reference of a node's op gives, whichever table has it. */
export function referenceOf(node: TrainingNode, inputs: readonly HostTensor[]): HostTensor[] {
  if (!isGradientNode(node)) return opOf(node).reference(inputs, node.attrs);
  const op: GradientOp = GRADIENT_OPS[node.type];
  return op.reference(inputs, node.attrs);
}

/** The graph with weights that nobody else reads, as float32. */
export function copyConstants(graph: TrainingGraph): TrainingGraph {
  const copies = [...graph.constants].map(
    ([id, { shape, data }]) => [id, tensor("float32", shape, Float32Array.from(data as Float32Array))] as const,
  );
  return { ...graph, constants: new Map<number, HostTensor>(copies) };
}
