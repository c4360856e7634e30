/**
 * detectAnchorFree: decoding of the heads of v8, v5u, 11, 26 and their like. A cell predicts its distances to the four sides of
 * the box, each as the mean of a distribution over whole cells (Li et al. 2020, "Generalized Focal Loss") or as it is, scores
 * of classes, and what else the task needs. Float32 steps are rounded as PyTorch rounds them, as in `detect`.
 */

import { AttributeError } from "../../errors.js";
import { sigmoid, sigmoid32 } from "../activations.js";
import type { OpAttributes } from "../attributes.js";
import type { TensorDesc } from "../graph/graph.js";
import { checkShape, nchw, type Op } from "../op.js";
import { floatOutput, floats } from "../shapes.js";

type Attributes = OpAttributes["detectAnchorFree"];

/** Maps of one level: distances, classes, and what else a box has. */
export const mapsOfLevel = ({ extras }: Pick<Attributes, "extras">): number => (extras === 0 ? 2 : 3);

/** Columns of a row: four of the box, then classes and the rest. */
export const anchorFreeColumns = ({ classes, extras }: Pick<Attributes, "classes" | "extras">): number =>
  4 + classes + extras;

function checkAttributes({ strides, bins, classes, extras, keypointSize }: Attributes, node: string): void {
  const whole = [classes, extras, keypointSize].every((n) => Number.isInteger(n) && n >= 0) && classes > 0;
  if (!whole || strides.length === 0 || (keypointSize > 0 && (keypointSize < 2 || extras % keypointSize !== 0))) {
    throw new AttributeError(
      `detectAnchorFree: ${classes} classes and ${extras} further values (${keypointSize} per keypoint) at ${strides.length} levels make no rows (${node})`,
      { classes, extras, keypointSize },
    );
  }
  if (!bins.every(Number.isFinite)) {
    throw new AttributeError(`detectAnchorFree: the bins must be finite, got [${bins}] (${node})`, { bins });
  }
}

function infer(inputs: readonly TensorDesc[], attrs: Attributes, node: string): TensorDesc[] {
  checkAttributes(attrs, node);
  const { strides, bins, classes, extras } = attrs;
  const perLevel = mapsOfLevel(attrs);
  checkShape(
    inputs.length === strides.length * perLevel,
    "detectAnchorFree",
    `${strides.length} levels need ${perLevel} maps each, got ${inputs.length} in all`,
    node,
  );
  const wanted = [4 * Math.max(1, bins.length), classes, extras];
  let rows = 0;
  for (const [i, desc] of inputs.entries()) {
    const [n, c, h, w] = nchw(desc, "detectAnchorFree", node);
    const first = inputs[i - (i % perLevel)].shape;
    checkShape(
      n === inputs[0].shape[0] && h === first[2] && w === first[3],
      "detectAnchorFree",
      `map ${i} is ${n}×${c}×${h}×${w} and does not fit the others of its level`,
      node,
    );
    const channels = wanted[i % perLevel];
    checkShape(c === channels, "detectAnchorFree", `map ${i} has ${c} channels, not ${channels}`, node);
    if (i % perLevel === 0) rows += h * w;
  }
  return [{ shape: [inputs[0].shape[0], rows, anchorFreeColumns(attrs)], dtype: inputs[0].dtype }];
}

/** Mean of the softmax over bins, at `at` and every `step` numbers. */
function expectation(
  data: ArrayLike<number>,
  at: number,
  step: number,
  bins: readonly number[],
  round: (value: number) => number,
): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let b = 0; b < bins.length; b++) top = Math.max(top, data[at + b * step]);
  let sum = 0;
  for (let b = 0; b < bins.length; b++) sum += round(Math.exp(round(data[at + b * step] - top)));
  sum = round(sum);
  let mean = 0;
  for (const [b, bin] of bins.entries()) {
    mean += round(round(Math.exp(round(data[at + b * step] - top))) / sum) * bin;
  }
  return round(mean);
}

export const detectAnchorFreeOp: Op<"detectAnchorFree"> = {
  type: "detectAnchorFree",
  infer,
  reference(inputs, attrs) {
    const { strides, bins, classes, extras, keypointSize, corners } = attrs;
    const [{ shape }] = infer(inputs, attrs, "reference");
    const [n, rows, columns] = shape;
    const out = floatOutput(shape, inputs[0]);
    const single = out.dtype === "float32";
    const activate = single ? sigmoid32 : sigmoid;
    const round = single ? Math.fround : (value: number) => value;
    const perLevel = mapsOfLevel(attrs);
    for (let image = 0; image < n; image++) {
      let at = image * rows * columns;
      for (const [level, stride] of strides.entries()) {
        const [boxes, scores, others] = inputs.slice(level * perLevel, (level + 1) * perLevel);
        const [, , h, w] = boxes.shape;
        const plane = h * w;
        const [boxData, scoreData, otherData] = [boxes, scores, others ?? scores].map(floats);
        const distance = (side: number, pixel: number): number => {
          const start = (image * 4 + side) * Math.max(1, bins.length) * plane + pixel;
          return bins.length === 0 ? boxData[start] : expectation(boxData, start, plane, bins, round);
        };
        for (let pixel = 0; pixel < plane; pixel++, at += columns) {
          const x = (pixel % w) + 0.5;
          const y = Math.floor(pixel / w) + 0.5;
          const x1 = round(x - distance(0, pixel));
          const y1 = round(y - distance(1, pixel));
          const x2 = round(x + distance(2, pixel));
          const y2 = round(y + distance(3, pixel));
          const box = corners ? [x1, y1, x2, y2] : [round(x1 + x2) / 2, round(y1 + y2) / 2, x2 - x1, y2 - y1];
          for (const [i, value] of box.entries()) out.data[at + i] = round(value) * stride;
          for (let c = 0; c < classes; c++) {
            out.data[at + 4 + c] = activate(scoreData[(image * classes + c) * plane + pixel]);
          }
          for (let e = 0; e < extras; e++) {
            const t = otherData[(image * extras + e) * plane + pixel];
            const part = keypointSize === 0 ? Number.NaN : e % keypointSize;
            const origin = (part === 0 ? x : y) - 0.5;
            out.data[at + 4 + classes + e] =
              part < 2 ? round(round(t * 2) + origin) * stride : part >= 2 ? activate(t) : t;
          }
        }
      }
    }
    return [out];
  },
  flops: (_, [y], { bins }) => 4 * y.shape[0] * y.shape[1] * (y.shape[2] + 4 * bins.length),
};
