/**
 * attentionGradient by the kernels of attention: with P = softmax(q·kᵀ·s), the gradient of v is Pᵀ applied to dy. dP = dy·vᵀ are
 * scores, dS is softmax's gradient; dS applied to k is that of q, and dSᵀ applied to q that of k, both times s.
 */

import { attentionApplyCall, attentionScoresCall, softmaxCall, unaryCall } from "../../../kernels/wgsl/index.js";
import { softmaxGradientCall, transposeDenseCall } from "../../../kernels/wgsl/train/index.js";
import type { GradientNodeOf } from "../../../ops/gradients/index.js";
import { IDENTITY } from "../../../ops/index.js";
import type { Lowering } from "../lower/lowering.js";
import type { BlockedTensor, DenseTensor } from "../lower/plan.js";

export function emitAttentionGradient(lowering: Lowering, node: GradientNodeOf<"attentionGradient">): void {
  const { heads, of } = node.attrs;
  const [q, k, v, dy] = node.inputs.map((id) => lowering.compact(id));
  const [n, channels, h, w] = lowering.graph.values[node.inputs[0]].shape;
  const [, values] = lowering.graph.values[node.inputs[2]].shape;
  const keys = h * w;
  const matrices = n * heads;
  const made = (): DenseTensor => lowering.denseTemporary(matrices * keys * keys);
  const transposed = (x: DenseTensor): DenseTensor => {
    const to = made();
    lowering.emit(transposeDenseCall(matrices, keys), [x, to]);
    return to;
  };
  const apply = (shares: DenseTensor, to: BlockedTensor, from: BlockedTensor, count: number): void =>
    lowering.emit(attentionApplyCall(from.stored, to.stored, count, heads), [shares, from, to]);

  const [scores, shares] = [made(), made()];
  lowering.emit(attentionScoresCall(q.stored, channels, heads), [q, k, scores]);
  lowering.emit(softmaxCall(matrices * keys, keys, 1), [scores, shares]);
  const y = lowering.output(node.outputs[0]);
  if (of === "v") {
    apply(transposed(shares), y, dy, values);
    return;
  }
  const [given, slopes] = [made(), made()];
  const call = attentionScoresCall(dy.stored, values, heads);
  lowering.emit({ ...call, params: { ...call.params, scale: 1 } }, [dy, v, given]);
  lowering.emit(softmaxGradientCall(matrices * keys, keys, 1), [shares, given, slopes]);
  const unscaled = lowering.temporary(y.stored, y.segments);
  if (of === "q") apply(slopes, unscaled, k, channels);
  else apply(transposed(slopes), unscaled, q, channels);
  lowering.emit(unaryCall(y.stored, IDENTITY, 1 / Math.sqrt(channels / heads)), [unscaled, y]);
}
