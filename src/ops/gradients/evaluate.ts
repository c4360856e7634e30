/** Runs a training graph node by node with each op's reference: forward, the loss, backward. */

import { invariant } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ValueId } from "../graph/graph.js";
import { referenceOf, type TrainingGraph, type TrainingNode } from "./graph.js";

/**
 * @param inputs of the forward graph
 * @param seedsOf gradients of the loss with respect to the results, given the results
 * @returns all values by id
 */
export function evaluateTraining(
  graph: TrainingGraph,
  inputs: readonly HostTensor[],
  seedsOf: (results: readonly HostTensor[]) => readonly HostTensor[],
): ReadonlyMap<ValueId, HostTensor> {
  const values = new Map<ValueId, HostTensor>(graph.constants);
  for (const [i, input] of inputs.entries()) values.set(graph.inputs[i], input);
  const valueBy = (id: ValueId): HostTensor => {
    const value = values.get(id);
    invariant(value, `value ${id} (${graph.values[id].name}) was not computed`);
    return value;
  };
  const run = (nodes: readonly TrainingNode[]): void => {
    for (const node of nodes) {
      const results = referenceOf(node, node.inputs.map(valueBy));
      for (const [i, id] of node.outputs.entries()) values.set(id, results[i]);
    }
  };
  run(graph.nodes.slice(0, graph.forward));
  const seeds = seedsOf(graph.results.map(valueBy));
  for (const [i, id] of graph.seeds.entries()) values.set(id, seeds[i]);
  run(graph.nodes.slice(graph.forward));
  return values;
}
