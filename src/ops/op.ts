/** What an op is: attributes, the only shape check, and the reference mathematics. */

import type { Pieces } from "../breathe.js";
import { ShapeError } from "../errors.js";
import { formatShape, type HostTensor } from "../tensor/index.js";
import type { OpAttributes, OpType } from "./attributes.js";
import type { TensorDesc } from "./graph/graph.js";

export interface Op<T extends OpType = OpType> {
  readonly type: T;
  /**
   * The outputs' descriptions; the only place where shapes and attributes are checked.
   * @throws ShapeError, AttributeError: op, rule, values, node.
   */
  infer(inputs: readonly TensorDesc[], attrs: OpAttributes[T], node: string): TensorDesc[];
  /** The definition, accumulated in float64; outputs have the dtype of the first input (float32 or float64). */
  reference(inputs: readonly HostTensor[], attrs: OpAttributes[T]): HostTensor[];
  /** `reference` in pieces, of ops that take long. */
  referencePieces?(inputs: readonly HostTensor[], attrs: OpAttributes[T]): Pieces<HostTensor[]>;
  /** Multiply-adds × 2 plus cheap arithmetic, for reports; 0 if only data move. */
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

/** Checks how many inputs a node has; `names` says which, for the message. */
export function checkCount(
  inputs: readonly TensorDesc[],
  count: number,
  names: string,
  op: string,
  node: string,
): void {
  checkShape(
    inputs.length === count,
    op,
    `needs ${count} ${count === 1 ? "input" : "inputs"} (${names}), got ${inputs.length}`,
    node,
  );
}

/** Checks the rank and returns the shape as a tuple of four. `what` and `layout` are for the message. */
export function nchw(
  desc: TensorDesc | undefined,
  op: string,
  node: string,
  what = "input",
  layout = "NCHW",
): readonly [number, number, number, number] {
  const shape = desc?.shape ?? [];
  const got = desc ? formatShape(shape) : "nothing";
  checkShape(shape.length === 4, op, `${what} must be ${layout}, got ${got}`, node, { shape });
  return [shape[0], shape[1], shape[2], shape[3]];
}

/** Checks that a per-channel vector (bias, γ, μ …) is [channels]. */
export function checkVector(desc: TensorDesc, channels: number, what: string, op: string, node: string): void {
  const { shape } = desc;
  checkShape(
    shape.length === 1 && shape[0] === channels,
    op,
    `${what} must be [${channels}], got ${formatShape(shape)}`,
    node,
    { shape },
  );
}
