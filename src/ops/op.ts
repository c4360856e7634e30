/** What an op is: attributes, the one shape check, and the reference mathematics. */

import { ShapeError } from "../errors.js";
import { formatShape, type HostTensor } from "../tensor/index.js";
import type { OpAttributes, OpType } from "./attributes.js";
import type { TensorDesc } from "./graph.js";

export interface Op<T extends OpType = OpType> {
  readonly type: T;
  /**
   * The outputs' descriptions; the only place where shapes and attributes are checked.
   * @throws ShapeError, AttributeError: op, rule, values, node.
   */
  infer(inputs: readonly TensorDesc[], attrs: OpAttributes[T], node: string): TensorDesc[];
  /** The definition, accumulated in float64; outputs have the dtype of the first input (float32 or float64). */
  reference(inputs: readonly HostTensor[], attrs: OpAttributes[T]): HostTensor[];
  /** Multiply-adds × 2 plus cheap arithmetic, for reports; 0 where only data move. */
  flops(inputs: readonly TensorDesc[], outputs: readonly TensorDesc[], attrs: OpAttributes[T]): number;
}

/** `expect(…)` for shapes: throws with op, rule and node. */
export function checkShape(
  condition: boolean,
  op: string,
  rule: string,
  node: string,
  details?: Record<string, unknown>,
): void {
  if (!condition) throw new ShapeError(`${op}: ${rule} (${node})`, { op, node, ...details });
}

/** Checks the rank and returns the shape as a tuple of four. */
export function nchw(
  desc: TensorDesc | undefined,
  op: string,
  node: string,
): readonly [number, number, number, number] {
  const shape = desc?.shape ?? [];
  checkShape(shape.length === 4, op, `input must be NCHW, got ${formatShape(shape)}`, node, { shape });
  return [shape[0], shape[1], shape[2], shape[3]];
}
