/**
 * A network with a gate at every value that convolutions read: a factor and an offset of each channel, 1 and 0. The gradient of
 * a factor is what the outputs' gradient picks up when the channel grows, Σ a·g over pixels, that of an offset Σ g.
 */

import { backward, type TrainingGraph } from "../../ops/gradients/index.js";
import { foldBatchNorm, type Graph, IDENTITY, type Node, type ValueId } from "../../ops/index.js";
import { type HostTensor, tensor } from "../../tensor/index.js";

export interface Gate {
  /** Names of the convolutions that read the value. */
  readonly readers: readonly string[];
  /** [N, C, H, W]. */
  readonly shape: readonly number[];
}

export interface GatedGraph {
  readonly gates: readonly Gate[];
  /** Parameters are each gate's factors and offsets, in their order. */
  readonly training: TrainingGraph;
  /** What the readers pass back, a value for each gate: gradients for a trainer's `extra`. */
  readonly passed: readonly { readonly gradient: ValueId }[];
}

const AS_IT_IS = {
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  activation: IDENTITY,
  hasBias: true,
  hasResidual: false,
} as const;

/** @param readers names of the convolutions before which there are gates. */
export function gatedGraph(given: Graph, readers: ReadonlySet<string>): GatedGraph {
  const graph = foldBatchNorm(given);
  const values = [...graph.values];
  const constants = new Map(graph.constants);
  const nodes: Node[] = [];
  const gates = new Map<ValueId, { readers: string[]; shape: readonly number[]; output: ValueId }>();
  const trained = new Set<ValueId>();
  const addValue = (name: string, shape: readonly number[]): ValueId => {
    values.push({ id: values.length, name, shape, dtype: "float32" });
    return values.length - 1;
  };
  const addConstant = (name: string, made: HostTensor): ValueId => {
    const id = addValue(name, made.shape);
    constants.set(id, made);
    trained.add(id);
    return id;
  };
  const gated = (x: ValueId, reader: string): ValueId => {
    const known = gates.get(x);
    if (known) {
      known.readers.push(reader);
      return known.output;
    }
    const { shape, name } = values[x];
    const channels = shape[1];
    const factor = tensor("float32", [channels, 1, 1, 1], new Float32Array(channels).fill(1));
    const inputs = [
      x,
      addConstant(`${name}.factor`, factor),
      addConstant(`${name}.offset`, tensor("float32", [channels])),
    ];
    const output = addValue(`${name}.gated`, shape);
    const attrs = { ...AS_IT_IS, groups: channels };
    nodes.push({ type: "conv2d", name: `${name}.gate`, inputs, outputs: [output], attrs });
    gates.set(x, { readers: [reader], shape, output });
    return output;
  };
  for (const node of graph.nodes) {
    const [x, ...rest] = node.inputs;
    nodes.push(readers.has(node.name) ? ({ ...node, inputs: [gated(x, node.name), ...rest] } as Node) : node);
  }
  const list = [...gates.values()];
  const training = backward(
    { ...graph, nodes, values, constants },
    trained,
    list.map(({ output }) => output),
  );
  return { gates: list, training, passed: training.inputGradients.map((gradient) => ({ gradient })) };
}
