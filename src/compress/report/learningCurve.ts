/** Charts of a recovery: how close the network comes to the original, step by step. */

import type { Spec } from "vega";
import { STYLE } from "../../eval/plots/render.js";
import { type CurvePoint, keptPoint } from "../recover/state.js";

/** A line of a chart. */
interface Line {
  readonly name: string;
  readonly colour: string;
  readonly of: (point: CurvePoint) => number | undefined;
}

const LOSS: Line = { name: "augmented pictures", colour: "#999", of: ({ loss }) => loss };
const DISTANCE: Line = { name: "pictures as they are", colour: "#0b57d0", of: ({ distance }) => distance };
const AGREEMENT: Line = { name: "pictures as they are", colour: "#0b57d0", of: ({ agreement }) => agreement };

/** The agreement, where it was measured, then the distances. Dashed rules mark the steps whose weights are kept, one a round. */
export function learningCurveSpecs(curve: readonly CurvePoint[]): Spec[] {
  const rounds = new Set(curve.map(({ round }) => round));
  const kept = [...rounds].map((own) => keptPoint(curve.filter(({ round }) => round === own)).step);
  const distances = chart(curve, kept, [LOSS, DISTANCE], "Distance from the original network", "distance");
  if (curve.every(({ agreement }) => agreement === undefined)) return [distances];
  return [chart(curve, kept, [AGREEMENT], "Agreement with the original network's boxes", "mAP50-95"), distances];
}

function chart(
  curve: readonly CurvePoint[],
  kept: readonly number[],
  lines: readonly Line[],
  text: string,
  axis: string,
): Spec {
  const values = lines.flatMap(({ name, of }) =>
    curve.map((point) => ({ line: name, step: point.step, value: of(point) })),
  );
  const x = { scale: "x", field: "step" };
  return {
    ...STYLE,
    title: { text, subtitle: `dashed: ${kept.length > 1 ? "steps" : "step"} ${kept.join(", ")}: kept` },
    width: 680,
    height: 220,
    data: [
      { name: "points", values: values.filter(({ value }) => value !== undefined) },
      { name: "kept", values: kept.map((step) => ({ step })) },
    ],
    scales: [
      { name: "x", domain: { data: "points", field: "step" }, range: "width" },
      { name: "y", domain: { data: "points", field: "value" }, range: "height", zero: true, nice: true },
      {
        name: "colour",
        type: "ordinal",
        domain: lines.map(({ name }) => name),
        range: lines.map(({ colour }) => colour),
      },
    ],
    axes: [
      { orient: "bottom", scale: "x", title: "step", grid: true },
      { orient: "left", scale: "y", title: axis, grid: true },
    ],
    legends: lines.length > 1 ? [{ stroke: "colour", orient: "right" }] : [],
    marks: [
      {
        type: "rule",
        from: { data: "kept" },
        encode: {
          enter: {
            x,
            y: { value: 0 },
            y2: { signal: "height" },
            stroke: { value: "#333" },
            strokeDash: { value: [4, 4] },
          },
        },
      },
      {
        type: "group",
        from: { facet: { name: "line", data: "points", groupby: "line" } },
        marks: [
          {
            type: "line",
            from: { data: "line" },
            encode: {
              enter: {
                x,
                y: { scale: "y", field: "value" },
                stroke: { scale: "colour", field: "line" },
                strokeWidth: { value: 2 },
              },
            },
          },
        ],
      },
    ],
  };
}
