/**
 * Curves of a run: precision over recall, and precision, recall and F1 over confidence; one line per class, and their
 * mean.
 */

import type { ColorValueRef, Mark, ProductionRule, Spec } from "vega";
import { printable } from "../../printable.js";
import { type ClassCurves, CURVE_POINTS, type Metrics } from "../metrics/metrics.js";
import { argMax, mean, smooth } from "../metrics/numeric.js";
import { STYLE } from "./render.js";

export type CurveKind = "PR" | "F1" | "P" | "R";

interface Description {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly values: (curves: ClassCurves) => Float64Array;
}

const KINDS: Readonly<Record<CurveKind, Description>> = {
  PR: { title: "Precision over recall", x: "Recall", y: "Precision", values: (c) => c.precisionOverRecall },
  F1: { title: "F1 over confidence", x: "Confidence", y: "F1", values: (c) => c.f1 },
  P: { title: "Precision over confidence", x: "Confidence", y: "Precision", values: (c) => c.precision },
  R: { title: "Recall over confidence", x: "Confidence", y: "Recall", values: (c) => c.recall },
};

/** Up to this many classes get a colour and a legend entry; with more they are grey, and only their mean is named. */
const NAMED_CLASSES = 20;
/** Stride of the points drawn: 250 per line look as smooth as 1000. */
const STEP = 4;
const MEAN_COLOR = "#0b57d0";

interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
}

/**
 * One plot.
 * @param what begins the title, e.g. `Masks: `.
 */
export function curveSpec(kind: CurveKind, metrics: Metrics, names: readonly string[], what = ""): Spec {
  const { title, x, y, values } = KINDS[kind];
  const own = metrics.curves.map((curves) => values(curves));
  const average = Float64Array.from({ length: CURVE_POINTS }, (_, i) => mean(own.map((curve) => curve[i])));
  const named = own.length <= NAMED_CLASSES;
  const labels = metrics.perClass.map((c) => classLabel(kind, printable(names[c.class] ?? `class${c.class}`), c.map50));
  const meanLabel = meanText(kind, metrics, average);
  const classPoints = own.flatMap((curve, i) => points(curve, labels[i]));
  // One class is its own mean.
  const meanPoints = own.length === 1 ? [] : points(average, meanLabel);
  return {
    ...STYLE,
    title: { text: `${what}${title}${own.length === 1 ? "" : `, ${own.length} classes`}`, subtitle: meanLabel },
    width: 720,
    height: 480,
    data: [
      { name: "classes", values: classPoints },
      { name: "mean", values: meanPoints },
    ],
    scales: [
      { name: "x", domain: [0, 1], range: "width" },
      { name: "y", domain: [0, 1], range: "height" },
      {
        name: "color",
        type: "ordinal",
        domain: labels,
        range: { scheme: labels.length > 10 ? "tableau20" : "tableau10" },
      },
      { name: "meanColor", type: "ordinal", domain: ["mean of all classes"], range: [MEAN_COLOR] },
    ],
    axes: [
      { orient: "bottom", scale: "x", title: x, grid: true },
      { orient: "left", scale: "y", title: y, grid: true },
    ],
    legends: [
      ...(named && own.length > 0
        ? [
            {
              stroke: "color",
              symbolType: "stroke",
              symbolStrokeWidth: 2.5,
              title: kind === "PR" ? "class, AP at IoU 0.5" : "class",
            } as const,
          ]
        : []),
      ...(own.length > 1 ? [{ stroke: "meanColor", symbolType: "stroke", symbolStrokeWidth: 4 } as const] : []),
    ],
    marks: [
      lines("classes", named ? { scale: "color", field: "series" } : { value: "#bbb" }, named ? 1.5 : 0.8),
      lines("mean", { value: MEAN_COLOR }, 4),
    ],
  };
}

/** One line for each series of a data source. */
function lines(source: string, stroke: ProductionRule<ColorValueRef>, width: number): Mark {
  return {
    type: "group",
    from: { facet: { name: `${source}Series`, data: source, groupby: "series" } },
    marks: [
      {
        type: "line",
        from: { data: `${source}Series` },
        encode: {
          enter: {
            x: { scale: "x", field: "x" },
            y: { scale: "y", field: "y" },
            stroke,
            strokeWidth: { value: width },
          },
        },
      },
    ],
  };
}

function points(curve: Float64Array, series: string): Point[] {
  const out: Point[] = [];
  for (let i = 0; i < curve.length; i += STEP) out.push(point(curve, i, series));
  if ((curve.length - 1) % STEP !== 0) out.push(point(curve, curve.length - 1, series));
  return out;
}

function point(curve: Float64Array, i: number, series: string): Point {
  return { x: Math.round((i / (CURVE_POINTS - 1)) * 1e4) / 1e4, y: Math.round(curve[i] * 1e4) / 1e4, series };
}

function classLabel(kind: CurveKind, name: string, ap: number): string {
  return kind === "PR" ? `${name} ${ap.toFixed(3)}` : name;
}

/** The mean's legend text, as in v7.0: mAP, or the best value and its confidence. */
function meanText(kind: CurveKind, metrics: Metrics, average: Float64Array): string {
  if (kind === "PR") return `mAP ${metrics.map50.toFixed(3)} at IoU 0.5`;
  const smoothed = smooth(average, 0.05);
  const best = argMax(smoothed);
  return `best mean ${smoothed[best].toFixed(2)} at confidence ${(best / (CURVE_POINTS - 1)).toFixed(3)}`;
}
