/** The pass that appends to a graph the nodes that compute the gradients of its weights. */

import { GraphError } from "../../errors.js";
import type { ValueId } from "../graph/graph.js";
import { TrainingDraft } from "./draft.js";
import type { ForwardGraph, Parameter, TrainingGraph } from "./graph.js";
import { RULES, type RuleContext } from "./rules.js";

/**
 * Reverse-mode differentiation. The result's inputs are those of the graph, then the gradient of the loss with respect to each
 * of its outputs that depends on something trained or wanted; its outputs are the graph's, then the gradients of `trained`,
 * then those of `inputs`.
 * @param graph as built or with BatchNorm folded: no convolution has a fused activation or residual
 * @param trained constants whose gradients are computed
 * @param inputs of the graph whose gradients are computed too
 * @throws UnsupportedError where the way to an output leads through a decoding head; GraphError for a weight that no output
 *   depends on
 */
export function backward(
  graph: ForwardGraph,
  trained: ReadonlySet<ValueId>,
  inputs: readonly ValueId[] = [],
): TrainingGraph & { readonly inputGradients: readonly ValueId[] } {
  const draft = new TrainingDraft(graph);
  const needed = dependents(graph, [...trained, ...inputs]);
  const gradients = new Map<ValueId, ValueId[]>();
  const give = (id: ValueId, gradient: ValueId): void => {
    gradients.set(id, [...(gradients.get(id) ?? []), gradient]);
  };
  const results = graph.outputs.filter((id) => needed.has(id));
  const seeds = results.map((id) => draft.value(`${graph.values[id].name}.dy`, graph.values[id]));
  for (const [i, id] of results.entries()) give(id, seeds[i]);
  /** The sum of what all readers of a value give. */
  const total = (id: ValueId): ValueId | undefined => {
    const parts = gradients.get(id);
    if (!parts) return undefined;
    const sum = parts.length === 1 ? parts[0] : draft.add("add", `${graph.values[id].name}.sum`, parts, {});
    gradients.set(id, [sum]);
    return sum;
  };
  for (const node of [...graph.nodes].reverse()) {
    const [output] = node.outputs;
    if (!needed.has(output)) continue;
    const dy = total(output);
    if (dy === undefined) continue;
    const wants = (input: number): boolean => needed.has(node.inputs[input]);
    const rule = RULES[node.type] as (
      node: ForwardGraph["nodes"][number],
      context: RuleContext,
    ) => readonly (ValueId | undefined)[];
    for (const [i, gradient] of rule(node, { draft, dy, wants }).entries()) {
      if (gradient !== undefined && wants(i)) give(node.inputs[i], gradient);
    }
  }
  const gradientOf = (id: ValueId): ValueId => {
    const gradient = total(id);
    if (gradient === undefined) throw new GraphError(`backward: no output depends on ${graph.values[id].name}`, { id });
    return gradient;
  };
  const parameters = [...trained].map((value): Parameter => ({ value, gradient: gradientOf(value) }));
  const inputGradients = inputs.map(gradientOf);
  return {
    inputs: [...graph.inputs, ...seeds],
    outputs: [...graph.outputs, ...parameters.map(({ gradient }) => gradient), ...inputGradients],
    nodes: draft.nodes,
    values: draft.values,
    constants: draft.constants,
    taps: graph.taps,
    forward: graph.nodes.length,
    results,
    seeds,
    parameters,
    inputGradients,
  };
}

/** Values that depend on some others, those included. */
function dependents(graph: ForwardGraph, on: readonly ValueId[]): ReadonlySet<ValueId> {
  const found = new Set<ValueId>(on);
  for (const { inputs, outputs } of graph.nodes) {
    if (inputs.some((id) => found.has(id))) for (const id of outputs) found.add(id);
  }
  return found;
}
