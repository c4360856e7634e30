/** Plots the confusion matrix: for each true class (column), the fractions of predicted classes. */

import type { Mark, Spec } from "vega";
import { printable } from "../../printable.js";
import type { ConfusionMatrix } from "../metrics/confusionMatrix.js";
import { STYLE } from "./render.js";

/** Up to this many classes, fractions are written into the cells. */
const WRITTEN_CLASSES = 30;
/** Smaller fractions are left white. */
const LEAST = 0.005;
/** Longest class name on an axis, in pixels. */
const LABEL_LIMIT = 140;

export function confusionSpec(matrix: ConfusionMatrix, names: readonly string[]): Spec {
  const side = matrix.classes + 1;
  const labels = uniqueLabels([...names.slice(0, matrix.classes).map(printable), "background"]);
  const cells = [];
  for (let truth = 0; truth < side; truth++) {
    let sum = 0;
    for (let predicted = 0; predicted < side; predicted++) sum += matrix.at(predicted, truth);
    for (let predicted = 0; predicted < side; predicted++) {
      const share = sum === 0 ? 0 : matrix.at(predicted, truth) / sum;
      if (share < LEAST) continue;
      cells.push({ truth: labels[truth], predicted: labels[predicted], share, text: share.toFixed(2) });
    }
  }
  const cell = Math.max(9, Math.min(56, Math.round(900 / side)));
  const size = side <= 8 ? side * 72 : side * cell;
  const written = matrix.classes <= WRITTEN_CLASSES;
  const fontSize = Math.max(7, Math.min(12, Math.round((size / side) * 0.32)));
  const labelFontSize = Math.max(7, Math.min(12, cell - 2));
  // Without a canvas Vega overestimates text widths, and would place the titles too far away.
  const longest = Math.max(...labels.map((label) => label.length));
  const extent = Math.min(LABEL_LIMIT, longest * labelFontSize * 0.6) + 8;
  const axis = {
    labelFontSize,
    labelLimit: LABEL_LIMIT,
    labelOverlap: false,
    ticks: false,
    minExtent: extent,
    maxExtent: extent,
  } as const;
  return {
    ...STYLE,
    title: { text: "Confusion matrix", subtitle: "fractions of each column; confidence above 0.25, IoU above 0.45" },
    width: size,
    height: size,
    data: [{ name: "cells", values: cells }],
    scales: [
      { name: "x", type: "band", domain: labels, range: "width" },
      { name: "y", type: "band", domain: labels, range: "height" },
      { name: "color", type: "linear", domain: [0, 1], range: { scheme: "blues" }, zero: true },
    ],
    axes: [
      {
        orient: "bottom",
        scale: "x",
        title: "True",
        labelAngle: -90,
        labelAlign: "right",
        labelBaseline: "middle",
        ...axis,
      },
      { orient: "left", scale: "y", title: "Predicted", ...axis },
    ],
    legends: [{ fill: "color", title: "share", gradientLength: Math.min(size, 200) }],
    marks: [
      {
        type: "rect",
        encode: {
          enter: {
            x: { value: 0 },
            y: { value: 0 },
            width: { signal: "width" },
            height: { signal: "height" },
            stroke: { value: "#888" },
          },
        },
      },
      {
        type: "rect",
        from: { data: "cells" },
        encode: {
          enter: {
            x: { scale: "x", field: "truth" },
            y: { scale: "y", field: "predicted" },
            width: { scale: "x", band: 1 },
            height: { scale: "y", band: 1 },
            fill: { scale: "color", field: "share" },
          },
        },
      },
      ...(written ? [cellTexts(fontSize)] : []),
    ],
  };
}

function cellTexts(fontSize: number): Mark {
  return {
    type: "text",
    from: { data: "cells" },
    encode: {
      enter: {
        x: { scale: "x", field: "truth", band: 0.5 },
        y: { scale: "y", field: "predicted", band: 0.5 },
        text: { field: "text" },
        align: { value: "center" },
        baseline: { value: "middle" },
        font: { value: "sans-serif" },
        fontSize: { value: fontSize },
        fill: [{ test: "datum.share > 0.55", value: "white" }, { value: "#222" }],
      },
    },
  };
}

/** Axis labels must be unique: a duplicate name gets its number. */
function uniqueLabels(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, index) => {
    const label = seen.has(name) || name === "" ? `${name} (${index})` : name;
    seen.add(label);
    return label;
  });
}
