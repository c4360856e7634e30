/** Values that ONNX's operators are computed on: numbers with a shape, on the host. */

import { LimitError, UnsupportedError } from "../../errors.js";
import { elementCount, formatShape, type HostTensor, toFloat32 } from "../../tensor/index.js";
import type { OnnxAttribute, OnnxNode } from "../../weights/onnx/types.js";

/** Floats are rounded to float32, whatever type the file gives them; integers are doubles, exact to 2^53; bools are 0 and 1. */
export type OnnxValue =
  | { readonly kind: "float"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly kind: "int" | "bool"; readonly shape: readonly number[]; readonly data: Float64Array };

export type ValueKind = OnnxValue["kind"];

const FLOATS = new Set(["float32", "float16", "bfloat16", "float64"]);

export function makeValue(kind: ValueKind, shape: readonly number[], data: Float32Array | Float64Array): OnnxValue {
  return kind === "float"
    ? { kind, shape, data: data instanceof Float32Array ? data : Float32Array.from(data) }
    : { kind, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** Room for a value's numbers. */
export function numbersFor(kind: ValueKind, count: number): Float32Array | Float64Array {
  return kind === "float" ? new Float32Array(count) : new Float64Array(count);
}

/** A one-dimensional list of integers. */
export function integers(values: readonly number[]): OnnxValue {
  return { kind: "int", shape: [values.length], data: Float64Array.from(values) };
}

/** A tensor of the file as a value. */
export function fromTensor(tensor: HostTensor): OnnxValue {
  const { dtype, shape } = tensor;
  if (FLOATS.has(dtype)) return { kind: "float", shape, data: toFloat32(tensor).data };
  const data = Float64Array.from(tensor.data as ArrayLike<number | bigint>, Number);
  return { kind: dtype === "bool" ? "bool" : "int", shape, data };
}

/** The limit on computing on the host: a hostile file must not keep it busy for minutes or fill its memory. */
export class Meter {
  private used = 0;

  /**
   * @param limit steps (multiplications, copies) in all.
   * @param largest elements of one value.
   */
  constructor(
    private readonly limit: number,
    private readonly largest: number,
  ) {}

  /** Counts the elements of a value before it is made. @throws LimitError. */
  value(shape: readonly number[], node: OnnxNode): void {
    const count = elementCount(shape);
    if (!(count <= this.largest)) {
      throw new LimitError(
        `${about(node)} produces ${formatShape(shape)}, more than any YOLO export does; the file is damaged or hostile`,
        { node: node.name, shape },
      );
    }
    this.steps(count, node);
  }

  /** @throws LimitError. */
  steps(count: number, node: OnnxNode): void {
    this.used += count;
    if (!(this.used <= this.limit)) {
      throw new LimitError(`${about(node)}: decoding its outputs takes more work than any YOLO export does`, {
        node: node.name,
      });
    }
  }
}

/** An operator and its node, for messages. */
export const about = (node: OnnxNode): string =>
  `operator ${node.domain === "" ? "" : `${node.domain}.`}${node.operator} (${node.name})`;

/** One evaluation of one node. */
export interface Call {
  readonly node: OnnxNode;
  /** Undefined for an optional one that is left out. */
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly opset: number;
  readonly meter: Meter;
}

/** An operator on the host. @throws UnsupportedError, LimitError. */
export type Operator = (call: Call) => OnnxValue[];

/** @throws UnsupportedError for a use of the operator that no exporter makes. */
export function refuse(node: OnnxNode, why: string): never {
  throw new UnsupportedError(`${about(node)}: ${why}`, { node: node.name, operator: node.operator });
}

/** @throws UnsupportedError for an input that is left out. */
export function input({ node, inputs }: Call, index: number): OnnxValue {
  return inputs[index] ?? refuse(node, `input ${index} is missing`);
}

export function intAttribute(node: OnnxNode, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  if (found === undefined) return fallback;
  return found.kind === "int" ? found.value : refuse(node, `${name} must be an integer`);
}

export function floatAttribute(node: OnnxNode, name: string, fallback: number): number {
  const found = node.attributes.get(name);
  if (found === undefined) return fallback;
  return found.kind === "float" || found.kind === "int" ? found.value : refuse(node, `${name} must be a number`);
}

export function stringAttribute(node: OnnxNode, name: string, fallback: string): string {
  const found = node.attributes.get(name);
  return found?.kind === "string" ? found.value : fallback;
}

export function intsAttribute(node: OnnxNode, name: string): readonly number[] | undefined {
  const found: OnnxAttribute | undefined = node.attributes.get(name);
  if (found === undefined) return undefined;
  return found.kind === "ints" ? found.value : refuse(node, `${name} must be a list of integers`);
}

/** Integers that an operator takes as an attribute in older operator sets and as an input in newer ones. */
export function intsOf(call: Call, attribute: string, index: number): readonly number[] | undefined {
  const given = call.inputs[index];
  return given ? Array.from(given.data) : intsAttribute(call.node, attribute);
}

/** An axis counted from the front. @throws UnsupportedError for one that the value does not have. */
export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(found) && found >= 0 && found < rank)) refuse(node, `axis ${axis} of ${rank} dimensions`);
  return found;
}

/** Row-major steps. */
export function stepsOf(shape: readonly number[]): number[] {
  const steps = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    steps[axis] = step;
    step *= shape[axis];
  }
  return steps;
}
