/** Multi-head scaled dot-product attention over the pixels of NCHW maps (Vaswani et al. 2017). */

import { AttributeError } from "../errors.js";
import { formatShape, sameShape } from "../tensor/index.js";
import { checkShape, nchw, type Op } from "./op.js";
import { floatOutput, floats } from "./shapes.js";

export const attentionOp: Op<"attention"> = {
  type: "attention",
  infer(inputs, { heads }, node) {
    checkShape(inputs.length === 3, "attention", `needs q, k and v, got ${inputs.length} inputs`, node);
    const [q, k, v] = inputs;
    const [n, c, h, w] = nchw(q, "attention", node);
    const [, values] = nchw(v, "attention", node);
    const same = (found: readonly number[], wanted: readonly number[]): void =>
      checkShape(
        sameShape(found, wanted),
        "attention",
        `${formatShape(found)} must equal ${formatShape(wanted)}`,
        node,
      );
    same(k.shape, q.shape);
    same(v.shape, [n, values, h, w]);
    if (!(Number.isInteger(heads) && heads > 0 && c % heads === 0 && values % heads === 0)) {
      throw new AttributeError(
        `attention: ${c} channels of keys and ${values} of values must be divisible by ${heads} heads (${node})`,
        { c, values, heads },
      );
    }
    return [{ shape: v.shape, dtype: q.dtype }];
  },
  reference([q, k, v], { heads }) {
    const [n, c, h, w] = q.shape;
    const size = c / heads;
    const valueSize = v.shape[1] / heads;
    const plane = h * w;
    const out = floatOutput(v.shape, q);
    const [qs, ks, vs] = [floats(q), floats(k), floats(v)];
    const weights = new Float64Array(plane);
    for (let block = 0; block < n * heads; block++) {
      const base = block * size * plane;
      const valueBase = block * valueSize * plane;
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
        for (let d = 0; d < valueSize; d++) {
          let value = 0;
          for (let j = 0; j < plane; j++) value += weights[j] * vs[valueBase + d * plane + j];
          out.data[valueBase + d * plane + i] = value / sum;
        }
      }
    }
    return [out];
  },
  flops([q], [y]) {
    const [n, c, h, w] = q.shape;
    return 2 * n * (c + y.shape[1]) * (h * w) ** 2;
  },
};
