/**
 * detect: YOLOv5's decoding of head maps into boxes. Since v5.0: xy = (2σ(t) − 0.5 + cell)·stride,
 * wh = (2σ(t))²·anchor. In float32 every step is rounded as PyTorch rounds it: scores that are equal there are equal here,
 * so that the best class and the order of boxes are PyTorch's, and all else agrees to the last bit or two.
 */

import { AttributeError } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import { sigmoid, sigmoid32 } from "../activations.js";
import type { OpAttributes } from "../attributes.js";
import type { TensorDesc } from "../graph/graph.js";
import { checkShape, nchw, type Op } from "../op.js";
import { floatOutput, floats } from "../shapes.js";

type Attributes = OpAttributes["detect"];

function infer(inputs: readonly TensorDesc[], attrs: Attributes, node: string): TensorDesc[] {
  const { anchors, strides, outputs, maskCoefficients } = attrs;
  checkShape(inputs.length > 0, "detect", "needs one map a level, got none", node);
  checkShape(
    inputs.length === anchors.length && inputs.length === strides.length,
    "detect",
    `${inputs.length} maps need as many anchor lists (${anchors.length}) and strides (${strides.length})`,
    node,
  );
  if (!(outputs - maskCoefficients > 5)) {
    throw new AttributeError(
      `detect: ${outputs} outputs leave no class beside box, objectness and ${maskCoefficients} mask coefficients (${node})`,
      { outputs },
    );
  }
  let rows = 0;
  inputs.forEach((desc, level) => {
    const [n, c, h, w] = nchw(desc, "detect", node);
    const batch = inputs[0].shape[0];
    checkShape(n === batch, "detect", `level ${level} holds ${n} pictures, level 0 ${batch}`, node);
    const na = anchors[level].length / 2;
    checkShape(
      c === na * outputs,
      "detect",
      `level ${level} has ${c} channels, not ${na} anchors × ${outputs} outputs`,
      node,
    );
    rows += na * h * w;
  });
  return [{ shape: [inputs[0].shape[0], rows, outputs], dtype: inputs[0].dtype }];
}

/** Rows of boxes and scores, with the given σ and every step rounded by `round`. */
export function decode(
  inputs: readonly HostTensor[],
  attrs: Attributes,
  activate: (x: number) => number,
  round: (x: number) => number,
): HostTensor {
  const [{ shape }] = infer(inputs, attrs, "reference");
  const [n, rows, no] = shape;
  const out = floatOutput(shape, inputs[0]);
  const plainFrom = no - attrs.maskCoefficients;
  for (let image = 0; image < n; image++) {
    let at = image * rows * no;
    inputs.forEach((x, level) => {
      const [, , h, w] = x.shape;
      const data = floats(x);
      const stride = attrs.strides[level];
      const anchors = attrs.anchors[level];
      const na = anchors.length / 2;
      for (let a = 0; a < na; a++) {
        const base = (image * na + a) * no * h * w;
        for (let y = 0; y < h; y++) {
          for (let xx = 0; xx < w; xx++, at += no) {
            const pixel = base + y * w + xx;
            for (let k = 0; k < no; k++) {
              const t = data[pixel + k * h * w];
              out.data[at + k] = k < plainFrom ? activate(t) : t;
            }
            out.data[at] = round(out.data[at] * 2 + (xx - 0.5)) * stride;
            out.data[at + 1] = round(out.data[at + 1] * 2 + (y - 0.5)) * stride;
            out.data[at + 2] = round((out.data[at + 2] * 2) ** 2) * round(anchors[2 * a]);
            out.data[at + 3] = round((out.data[at + 3] * 2) ** 2) * round(anchors[2 * a + 1]);
          }
        }
      }
    });
  }
  return out;
}

export const detectOp: Op<"detect"> = {
  type: "detect",
  infer,
  reference(inputs, attrs) {
    const single = inputs[0].dtype !== "float64";
    return [decode(inputs, attrs, single ? sigmoid32 : sigmoid, single ? Math.fround : (value) => value)];
  },
  flops: (_, [y]) => 4 * y.shape.reduce((a, b) => a * b, 1),
};
