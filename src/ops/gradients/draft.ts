/** A training graph while it is made: the forward graph's values and constants, and nodes that are checked as they are added. */

import { allocate, type HostTensor } from "../../tensor/index.js";
import type { OpAttributes, OpType } from "../attributes.js";
import type { TensorDesc, Value, ValueId } from "../graph/graph.js";
import { OPS } from "../registry.js";
import type { GradientAttributes, GradientType } from "./attributes.js";
import type { ForwardGraph, TrainingNode } from "./graph.js";
import { GRADIENT_OPS } from "./registry.js";

/** A type of node, and its attributes. */
type AttributesOf<T extends OpType | GradientType> = T extends OpType
  ? OpAttributes[T]
  : T extends GradientType
    ? GradientAttributes[T]
    : never;

export class TrainingDraft {
  readonly nodes: TrainingNode[];
  readonly values: Value[];
  readonly constants: Map<ValueId, HostTensor>;

  constructor(graph: ForwardGraph) {
    this.nodes = [...graph.nodes];
    this.values = [...graph.values];
    this.constants = new Map(graph.constants);
  }

  shape(id: ValueId): readonly number[] {
    return this.values[id].shape;
  }

  value(name: string, desc: TensorDesc): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, shape: desc.shape, dtype: desc.dtype });
    return id;
  }

  /** Zeros as a constant, in the dtype of another value. */
  zeros(like: ValueId): ValueId {
    const { shape, dtype } = this.values[like];
    const id = this.value("zeros", { shape, dtype });
    const size = shape.reduce((a, b) => a * b, 1);
    const data = dtype === "float64" ? allocate("float64", size) : allocate("float32", size);
    this.constants.set(id, { dtype, shape, data } as HostTensor);
    return id;
  }

  /** @throws ShapeError, AttributeError from the op's own check. */
  add<T extends OpType | GradientType>(
    type: T,
    name: string,
    inputs: readonly ValueId[],
    attrs: AttributesOf<T>,
  ): ValueId {
    const op = (type in GRADIENT_OPS ? GRADIENT_OPS[type as GradientType] : OPS[type as OpType]) as {
      infer(inputs: readonly TensorDesc[], attrs: unknown, node: string): TensorDesc[];
    };
    const [desc] = op.infer(
      inputs.map((id) => this.values[id]),
      attrs,
      name,
    );
    const output = this.value(name, desc);
    this.nodes.push({ type, name, inputs, outputs: [output], attrs } as TrainingNode);
    return output;
  }
}
