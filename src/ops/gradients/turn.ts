/**
 * The gradient of a convolution's input is a transposed convolution; at stride 1 that is a convolution with the kernel turned by
 * half a turn and inputs and outputs changed over, for which there are fast kernels.
 */

import { type HostTensor, tensor } from "../../tensor/index.js";
import { consumersOf, type NodeOf, type ValueId } from "../graph/graph.js";
import { asGraph, type TrainingGraph, type TrainingNode } from "./graph.js";

/** A constant that is made of another one, anew whenever that changes. */
export interface Turned {
  readonly of: HostTensor;
  readonly tensor: HostTensor<"float32">;
  readonly refresh: () => void;
}

/** The graph with turned convolutions in its backward part. */
export function turnTransposed(graph: TrainingGraph): {
  readonly graph: TrainingGraph;
  readonly turned: readonly Turned[];
} {
  const values = [...graph.values];
  const constants = new Map(graph.constants);
  const turned: Turned[] = [];
  const turn = (node: NodeOf<"convTranspose2d">): TrainingNode => {
    const { stride, padding, dilation, groups, activation } = node.attrs;
    const weight = constants.get(node.inputs[1]);
    const [, , kh, kw] = values[node.inputs[1]].shape;
    const outer = [dilation[0] * (kh - 1) - padding[0], dilation[1] * (kw - 1) - padding[1]] as const;
    if (weight?.dtype !== "float32" || stride[0] !== 1 || stride[1] !== 1 || Math.min(...outer) < 0) return node;
    const made = turnedWeight(weight as HostTensor<"float32">, groups);
    turned.push(made);
    const id: ValueId = values.length;
    values.push({ id, name: `${node.name}.turned`, shape: made.tensor.shape, dtype: "float32" });
    constants.set(id, made.tensor);
    const attrs = { stride, padding: outer, dilation, groups, activation, hasBias: false, hasResidual: false } as const;
    return { type: "conv2d", name: node.name, inputs: [node.inputs[0], id], outputs: node.outputs, attrs };
  };
  const nodes = graph.nodes.map((node, i) =>
    i >= graph.forward && node.type === "convTranspose2d" && !node.attrs.hasBias ? turn(node) : node,
  );
  const result = { ...graph, nodes, values, constants };
  const used = consumersOf(asGraph(result));
  for (const id of [...constants.keys()]) if (!used.has(id)) constants.delete(id);
  return { graph: result, turned };
}

/** [O, C/groups, kh, kw] → [C, O/groups, kh, kw]. */
function turnedWeight(source: HostTensor<"float32">, groups: number): Turned {
  const [o, perGroup, kh, kw] = source.shape;
  const area = kh * kw;
  const outPerGroup = o / groups;
  const result = tensor("float32", [perGroup * groups, outPerGroup, kh, kw], new Float32Array(source.data.length));
  const refresh = (): void => {
    const { data: from } = source;
    const { data: to } = result;
    for (let output = 0; output < o; output++) {
      const group = Math.floor(output / outPerGroup);
      for (let c = 0; c < perGroup; c++) {
        const last = (output * perGroup + c + 1) * area - 1;
        const first = ((group * perGroup + c) * outPerGroup + (output % outPerGroup)) * area;
        for (let i = 0; i < area; i++) to[first + i] = from[last - i];
      }
    }
  };
  refresh();
  return { of: source, tensor: result, refresh };
}
