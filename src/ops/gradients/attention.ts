/** Gradients of attention: with P = softmax(q·kᵀ·s), dv = Pᵀ·dy, dP = dy·vᵀ, dS = P∘(dP − Σ P∘dP), dq = dS·k·s, dk = dSᵀ·q·s. */

import { attentionOp } from "../attention.js";
import { checkCount } from "../op.js";
import { floatOutput, floats } from "../shapes.js";
import { checkGradient, type GradientOp } from "./gradientOp.js";

export const attentionGradientOp: GradientOp<"attentionGradient"> = {
  type: "attentionGradient",
  infer(inputs, { heads, of }, node) {
    checkCount(inputs, 4, "q, k, v, dy", "attentionGradient", node);
    const [q, k, v, dy] = inputs;
    const [{ shape }] = attentionOp.infer([q, k, v], { heads }, node);
    checkGradient(dy, shape, "attentionGradient", node);
    return [{ shape: (of === "v" ? v : q).shape, dtype: q.dtype }];
  },
  reference([q, k, v, dy], { heads, of }) {
    const [n, c, h, w] = q.shape;
    const size = c / heads;
    const valueSize = v.shape[1] / heads;
    const plane = h * w;
    const factor = 1 / Math.sqrt(size);
    const [qs, ks, vs, gs] = [floats(q), floats(k), floats(v), floats(dy)];
    const like = of === "v" ? v : q;
    const sums = new Float64Array(like.data.length);
    const weights = new Float64Array(plane);
    const scores = new Float64Array(plane);
    for (let block = 0; block < n * heads; block++) {
      const base = block * size * plane;
      const valueBase = block * valueSize * plane;
      for (let i = 0; i < plane; i++) {
        let top = Number.NEGATIVE_INFINITY;
        for (let j = 0; j < plane; j++) {
          let dot = 0;
          for (let d = 0; d < size; d++) dot += qs[base + d * plane + i] * ks[base + d * plane + j];
          weights[j] = dot * factor;
          top = Math.max(top, weights[j]);
        }
        let total = 0;
        for (let j = 0; j < plane; j++) {
          weights[j] = Math.exp(weights[j] - top);
          total += weights[j];
        }
        let mean = 0;
        for (let j = 0; j < plane; j++) {
          weights[j] /= total;
          let dot = 0;
          for (let d = 0; d < valueSize; d++) {
            dot += gs[valueBase + d * plane + i] * vs[valueBase + d * plane + j];
          }
          scores[j] = dot;
          mean += weights[j] * dot;
        }
        for (let j = 0; j < plane; j++) {
          if (of === "v") {
            for (let d = 0; d < valueSize; d++) {
              sums[valueBase + d * plane + j] += weights[j] * gs[valueBase + d * plane + i];
            }
            continue;
          }
          const score = weights[j] * (scores[j] - mean) * factor;
          const [to, from, source] = of === "q" ? [i, j, ks] : [j, i, qs];
          for (let d = 0; d < size; d++) sums[base + d * plane + to] += score * source[base + d * plane + from];
        }
      }
    }
    const out = floatOutput(like.shape, q);
    out.data.set(sums);
    return [out];
  },
};
