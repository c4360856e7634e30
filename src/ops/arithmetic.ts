/** add and scale. */

import { AttributeError } from "../errors.js";
import { elementCount, formatShape, sameShape } from "../tensor/index.js";
import { checkCount, checkShape, type Op } from "./op.js";
import { elementwiseOutput, floats } from "./shapes.js";

export const addOp: Op<"add"> = {
  type: "add",
  infer(inputs, _attrs, node) {
    const [first] = inputs;
    checkShape(inputs.length >= 2, "add", `needs 2 or more inputs, got ${inputs.length}`, node);
    for (const { shape } of inputs) {
      checkShape(
        sameShape(shape, first.shape),
        "add",
        `${formatShape(shape)} must equal ${formatShape(first.shape)}`,
        node,
      );
    }
    return [{ shape: first.shape, dtype: first.dtype }];
  },
  reference(inputs) {
    const out = elementwiseOutput(inputs[0]);
    for (let i = 0; i < out.data.length; i++) {
      let sum = 0;
      for (const x of inputs) sum += floats(x)[i];
      out.data[i] = sum;
    }
    return [out];
  },
  flops: (inputs, [y]) => (inputs.length - 1) * elementCount(y.shape),
};

export const scaleOp: Op<"scale"> = {
  type: "scale",
  infer(inputs, { factor }, node) {
    checkCount(inputs, 1, "x", "scale", node);
    const [x] = inputs;
    if (!Number.isFinite(factor))
      throw new AttributeError(`scale: factor must be finite, got ${factor} (${node})`, { factor });
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  reference([x], { factor }) {
    const out = elementwiseOutput(x);
    const data = floats(x);
    for (let i = 0; i < data.length; i++) out.data[i] = data[i] * factor;
    return [out];
  },
  flops: ([x]) => elementCount(x.shape),
};
