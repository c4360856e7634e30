/** Multi-head scaled dot-product attention over the pixels of NCHW maps (Vaswani et al. 2017). */

import { AttributeError } from "../errors.js";
import { formatShape, sameShape } from "../tensor/index.js";
import { checkShape, nchw, type Op } from "./op.js";
import { floatOutput, floats } from "./shapes.js";

export const attentionOp: Op<"attention"> = {
  type: "attention",
  infer(inputs, { heads }, node) {
    const [q] = inputs;
    const [, c] = nchw(q, "attention", node);
    checkShape(inputs.length === 3, "attention", `needs q, k and v, got ${inputs.length} inputs`, node);
    for (const { shape } of inputs) {
      checkShape(
        sameShape(shape, q.shape),
        "attention",
        `${formatShape(shape)} must equal ${formatShape(q.shape)}`,
        node,
      );
    }
    if (!(Number.isInteger(heads) && heads > 0 && c % heads === 0)) {
      throw new AttributeError(`attention: ${c} channels must be divisible by ${heads} heads (${node})`, { c, heads });
    }
    return [{ shape: q.shape, dtype: q.dtype }];
  },
  reference([q, k, v], { heads }) {
    const [n, c, h, w] = q.shape;
    const size = c / heads;
    const plane = h * w;
    const out = floatOutput(q.shape, q);
    const [qs, ks, vs] = [floats(q), floats(k), floats(v)];
    const weights = new Float64Array(plane);
    for (let block = 0; block < n * heads; block++) {
      const base = block * size * plane;
      for (let i = 0; i < plane; i++) {
        let top = Number.NEGATIVE_INFINITY;
        for (let j = 0; j < plane; j++) {
          let dot = 0;
          for (let d = 0; d < size; d++) dot += qs[base + d * plane + i] * ks[base + d * plane + j];
          weights[j] = dot / Math.sqrt(size);
          top = Math.max(top, weights[j]);
        }
        let sum = 0;
        for (let j = 0; j < plane; j++) {
          weights[j] = Math.exp(weights[j] - top);
          sum += weights[j];
        }
        for (let d = 0; d < size; d++) {
          let value = 0;
          for (let j = 0; j < plane; j++) value += weights[j] * vs[base + d * plane + j];
          out.data[base + d * plane + i] = value / sum;
        }
      }
    }
    return [out];
  },
  flops([q]) {
    const [n, c, h, w] = q.shape;
    return 4 * n * c * (h * w) ** 2;
  },
};
