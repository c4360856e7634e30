/** What an op of training is, and the checks that they share. */

import { formatShape, type HostTensor, sameShape } from "../../tensor/index.js";
import type { TensorDesc } from "../graph/graph.js";
import { checkShape } from "../op.js";
import type { GradientAttributes, GradientType } from "./attributes.js";

/** As `Op`: a shape check and the float64 definition. */
export interface GradientOp<T extends GradientType = GradientType> {
  readonly type: T;
  infer(inputs: readonly TensorDesc[], attrs: GradientAttributes[T], node: string): TensorDesc[];
  reference(inputs: readonly HostTensor[], attrs: GradientAttributes[T]): HostTensor[];
}

/** Checks that a gradient has the shape of what it is the gradient of. */
export function checkGradient(
  dy: TensorDesc | undefined,
  shape: readonly number[],
  op: GradientType,
  node: string,
): void {
  const got = dy?.shape ?? [];
  checkShape(sameShape(got, shape), op, `gradient must be ${formatShape(shape)}, got ${formatShape(got)}`, node);
}
