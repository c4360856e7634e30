/** Building graphs: each node is shape-checked as it is added. */

import { GraphError } from "../../errors.js";
import {
  BYTES_PER_ELEMENT,
  type DataByDType,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  toFloat32Later,
} from "../../tensor/index.js";
import type { OpAttributes, OpType } from "../attributes.js";
import { OPS } from "../registry.js";
import type { Graph, Node, NodeOf, TensorDesc, Value, ValueId } from "./graph.js";
import { checkFilled, GraphLimits } from "./limits.js";
import { liveSetBytes } from "./liveness.js";

/**
 * Float32 forms of weights, shared by the graphs of one model so that backends upload each once. By their memory, and
 * therein by type, place and shape: tensors that are the same view of one storage have one form.
 */
export type Float32Cache = WeakMap<ArrayBufferLike, Map<string, HostTensor>>;

export class GraphBuilder {
  private readonly float32: Float32Cache;
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly inputs: ValueId[] = [];
  private readonly constants = new Map<ValueId, HostTensor>();
  private readonly constantIds = new Map<HostTensor, ValueId>();
  private readonly limits = new GraphLimits();
  private readonly taps = new Map<string, ValueId>();

  constructor(float32: Float32Cache = new WeakMap()) {
    this.float32 = float32;
  }

  /** Declares an input of the graph. */
  input(name: string, desc: TensorDesc): ValueId {
    this.limits.input(desc);
    const id = this.value(name, desc);
    this.inputs.push(id);
    return id;
  }

  /**
   * A weight; the same view of the same memory gives the same value. Half floats become float32.
   * @throws ShapeError for a weight without elements.
   */
  constant(name: string, tensor: HostTensor): ValueId {
    const form = this.float32Form(name, tensor);
    const known = this.constantIds.get(form);
    if (known !== undefined) return known;
    const id = this.value(name, { shape: form.shape, dtype: form.dtype });
    this.constants.set(id, form);
    this.constantIds.set(form, id);
    return id;
  }

  private float32Form(name: string, tensor: HostTensor): HostTensor {
    const data: DataByDType[DType] = tensor.data;
    let forms = this.float32.get(data.buffer);
    if (!forms) {
      forms = new Map();
      this.float32.set(data.buffer, forms);
    }
    const key = `${tensor.dtype} ${data.byteOffset} ${formatShape(tensor.shape)}`;
    let form = forms.get(key);
    if (!form) {
      checkFilled(tensor.shape, name);
      form = toFloat32Later(tensor);
      forms.set(key, form);
    }
    return form;
  }

  /**
   * Adds a node with one output and returns it.
   * @throws ShapeError, AttributeError from the op's own check; GraphError, LimitError beyond the bounds of `limits.ts`.
   */
  add<T extends OpType>(type: T, name: string, inputs: readonly ValueId[], attrs: OpAttributes[T]): ValueId {
    const descs = inputs.map((id) => this.values[id]);
    const [desc] = OPS[type].infer(descs, attrs, name);
    this.limits.add(name, descs, desc, OPS[type].flops(descs, [desc], attrs));
    const output = this.value(name, desc);
    const node: NodeOf<T> = { type, name, inputs, outputs: [output], attrs };
    this.nodes.push(node as Node);
    return output;
  }

  /** Makes a value readable under a module's name. */
  tap(name: string, id: ValueId): void {
    this.taps.set(name, id);
  }

  shape(id: ValueId): readonly number[] {
    return this.values[id].shape;
  }

  /** @throws GraphError when an output is not a value of this graph, or the graph is beyond the bounds of `limits.ts`. */
  finish(outputs: readonly ValueId[]): Graph {
    for (const id of outputs) {
      if (!this.values[id]) throw new GraphError(`graph: output ${id} is not a value of the graph`, { id });
    }
    const { inputs, nodes, values, constants, taps } = this;
    const graph: Graph = { inputs, outputs, nodes, values, constants, taps };
    this.limits.finish(liveSetBytes(graph), ...this.weightBytes());
    return graph;
  }

  /** Of each weight once, and as often as nodes read it. */
  private weightBytes(): [own: number, used: number] {
    // By shape, because numbers may not be converted yet.
    const bytes = new Map(
      [...this.constants].map(([id, t]) => [id, elementCount(t.shape) * BYTES_PER_ELEMENT[t.dtype]]),
    );
    let own = 0;
    let used = 0;
    for (const each of bytes.values()) own += each;
    for (const { inputs } of this.nodes) for (const id of inputs) used += bytes.get(id) ?? 0;
    return [own, used];
  }

  private value(name: string, desc: TensorDesc): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, shape: desc.shape, dtype: desc.dtype });
    return id;
  }
}
