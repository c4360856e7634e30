/** Nodes in an order in which they can run. */

import { CheckpointError } from "../../errors.js";
import { damaged } from "../budget.js";
import { cutText } from "../describe.js";
import type { OnnxNode } from "./types.js";

/**
 * The nodes, each after those it reads; the file's own order where that is one, as ONNX demands.
 * @param given names of inputs and constants.
 * @throws CheckpointError for a cycle, a value that two nodes give, or one that none gives.
 */
export function sortNodes(nodes: readonly OnnxNode[], given: ReadonlySet<string>): OnnxNode[] {
  const makers = new Map<string, number>();
  for (const [index, node] of nodes.entries()) {
    for (const output of node.outputs) {
      if (output === "") continue;
      if (makers.has(output) || given.has(output)) damaged(`two nodes produce the value ${cutText(output)}`);
      makers.set(output, index);
    }
  }
  let sorted = true;
  const waiting = nodes.map(() => 0);
  const readers = nodes.map((): number[] => []);
  for (const [index, node] of nodes.entries()) {
    for (const input of node.inputs) {
      if (input === "" || given.has(input)) continue;
      const maker = makers.get(input);
      if (maker === undefined) {
        throw new CheckpointError(
          `is damaged (node ${node.name} reads ${cutText(input)}, which nothing produces); download or copy it again`,
          { node: node.name, input },
        );
      }
      sorted &&= maker < index;
      waiting[index]++;
      readers[maker].push(index);
    }
  }
  if (sorted) return [...nodes];
  const ready = nodes.flatMap((_, index) => (waiting[index] === 0 ? [index] : []));
  for (const index of ready) {
    for (const reader of readers[index]) if (--waiting[reader] === 0) ready.push(reader);
  }
  if (ready.length < nodes.length) {
    const stuck = nodes.find((_, index) => waiting[index] > 0);
    damaged(`its nodes form a cycle, ${stuck?.name ?? ""} among them`);
  }
  return ready.map((index) => nodes[index]);
}
