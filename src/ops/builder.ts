/** Building graphs: each node is shape-checked as it is added. */

import { GraphError } from "../errors.js";
import { type HostTensor, toFloat32 } from "../tensor/index.js";
import type { OpAttributes, OpType } from "./attributes.js";
import type { Graph, Node, TensorDesc, Value, ValueId } from "./graph.js";
import { OPS } from "./registry.js";

/** Float32 copies of half-float weights, shared by the graphs of one model so that backends upload each once. */
export type Float32Cache = WeakMap<HostTensor, HostTensor>;

export class GraphBuilder {
  private readonly float32: Float32Cache;
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly inputs: ValueId[] = [];
  private readonly constants = new Map<ValueId, HostTensor>();
  private readonly constantIds = new Map<HostTensor, ValueId>();
  private readonly taps = new Map<string, ValueId>();

  constructor(float32: Float32Cache = new WeakMap()) {
    this.float32 = float32;
  }

  /** Declares an input of the graph. */
  input(name: string, desc: TensorDesc): ValueId {
    const id = this.value(name, desc);
    this.inputs.push(id);
    return id;
  }

  /** A weight; the same host tensor gives the same value. Half floats become float32. */
  constant(name: string, tensor: HostTensor): ValueId {
    const known = this.constantIds.get(tensor);
    if (known !== undefined) return known;
    let data = this.float32.get(tensor);
    if (!data) {
      data = toFloat32(tensor);
      this.float32.set(tensor, data);
    }
    const id = this.value(name, { shape: data.shape, dtype: data.dtype });
    this.constants.set(id, data);
    this.constantIds.set(tensor, id);
    return id;
  }

  /**
   * Adds a node with one output and returns it.
   * @throws ShapeError, AttributeError from the op's own check.
   */
  add<T extends OpType>(type: T, name: string, inputs: readonly ValueId[], attrs: OpAttributes[T]): ValueId {
    const [desc] = OPS[type].infer(
      inputs.map((id) => this.values[id]),
      attrs,
      name,
    );
    const output = this.value(name, desc);
    this.nodes.push({ type, name, inputs, outputs: [output], attrs } as unknown as Node);
    return output;
  }

  /** Makes a value readable under a module's name. */
  tap(name: string, id: ValueId): void {
    this.taps.set(name, id);
  }

  shape(id: ValueId): readonly number[] {
    return this.values[id].shape;
  }

  /** @throws GraphError when an output is not a value of this graph. */
  finish(outputs: readonly ValueId[]): Graph {
    for (const id of outputs) {
      if (!this.values[id]) throw new GraphError(`graph: output ${id} is no value of the graph`, { id });
    }
    const { inputs, nodes, values, constants, taps } = this;
    return { inputs, outputs, nodes, values, constants, taps };
  }

  private value(name: string, desc: TensorDesc): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, shape: desc.shape, dtype: desc.dtype });
    return id;
  }
}
