/**
 * Runs a network in pieces over several pictures at once. Every value that is still needed is held for all of them,
 * and constants may be changed before the nodes that read them run. The statistics of a layer thus reflect the
 * current state of the layers before it, at the cost of one forward pass per picture.
 */

import type { Breather } from "../../breathe.js";
import { invariant } from "../../errors.js";
import type { Graph, ValueId } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";

export class LayerwiseRun {
  readonly graph: Graph;
  private readonly backend: Backend;
  private readonly constants: Map<ValueId, HostTensor>;
  private readonly values = new Map<ValueId, HostTensor[]>();
  private readonly lastUse = new Map<ValueId, number>();
  private next = 0;

  /** @param inputs one tensor per picture, all of the graph's input shape. */
  constructor(
    graph: Graph,
    backend: Backend,
    inputs: readonly HostTensor[],
    private readonly breather: Breather,
  ) {
    this.graph = graph;
    this.backend = backend;
    this.constants = new Map(graph.constants);
    this.values.set(graph.inputs[0], [...inputs]);
    graph.nodes.forEach((node, index) => {
      for (const id of node.inputs) this.lastUse.set(id, index);
    });
  }

  /** A value that has been computed and is still needed, one tensor per picture. */
  of(value: ValueId): readonly HostTensor[] {
    const held = this.values.get(value);
    invariant(held, `value ${value} (${this.graph.values[value].name}) is not held`);
    return held;
  }

  constant(value: ValueId): HostTensor | undefined {
    return this.constants.get(value);
  }

  setConstant(value: ValueId, tensor: HostTensor): void {
    this.constants.set(value, tensor);
  }

  /** Runs the nodes up to `end` (exclusive) that have not run yet. */
  async advance(end: number): Promise<void> {
    const first = this.next;
    if (end <= first) return;
    const { graph } = this;
    const nodes = graph.nodes.slice(first, end);
    const made = new Set(nodes.flatMap((node) => node.outputs));
    const read = new Set(nodes.flatMap((node) => node.inputs));
    const inputs = [...read].filter((id) => !made.has(id) && !this.constants.has(id));
    const outputs = [...made].filter((id) => (this.lastUse.get(id) ?? -1) >= end || graph.outputs.includes(id));
    this.next = end;
    if (outputs.length > 0) {
      const constants = new Map([...this.constants].filter(([id]) => read.has(id)));
      const piece: Graph = { inputs, outputs, nodes, values: graph.values, constants, taps: new Map() };
      await this.runPiece(piece);
    }
    for (const [id, last] of this.lastUse) {
      // A convolution's input is read again after it has run, so values are freed one piece later.
      if (last < first) this.values.delete(id);
    }
  }

  private async runPiece(piece: Graph): Promise<void> {
    const executable = await this.backend.compile(piece);
    try {
      const results: HostTensor[][] = piece.outputs.map(() => []);
      const pictures = this.of(piece.inputs[0]).length;
      for (let i = 0; i < pictures; i++) {
        const outputs = await executable.run(piece.inputs.map((id) => this.of(id)[i]));
        for (const [o, output] of outputs.entries()) results[o].push(output);
        await this.breather.rest();
      }
      for (const [o, id] of piece.outputs.entries()) this.values.set(id, results[o]);
    } finally {
      executable.dispose();
    }
  }
}
