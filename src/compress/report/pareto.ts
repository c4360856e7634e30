/** The chart of a compression run: mAP over milliseconds, one point per step; lower and further right is worse. */

import type { Spec } from "vega";
import { STYLE } from "../../eval/plots/render.js";
import type { LayerSensitivity } from "../sensitivity.js";

export interface ParetoPoint {
  /** The step's name. */
  readonly name: string;
  readonly ms: number;
  /** 0 to 1. */
  readonly map: number;
}

/** @param what the backend, for the axis: `wasm`. */
export function paretoSpec(points: readonly ParetoPoint[], what: string): Spec {
  const highest = Math.max(...points.map(({ map }) => map));
  // Names of neighbours alternate above and below, but never below the axis.
  const values = points.map((point, i) => ({
    ...point,
    best: isBest(point, points),
    above: i % 2 === 0 || point.map < highest / 8,
  }));
  const front = values.filter(({ best }) => best).sort((a, b) => a.ms - b.ms);
  const color = { signal: "datum.best ? '#0b57d0' : '#999'" };
  return {
    ...STYLE,
    title: {
      text: `mAP50-95 over time on ${what}`,
      subtitle: "blue: nothing else here is both faster and better",
    },
    width: 680,
    height: 340,
    data: [
      { name: "points", values },
      { name: "front", values: front },
    ],
    scales: [
      { name: "x", domain: { data: "points", field: "ms" }, range: "width", zero: false, nice: true, padding: 60 },
      { name: "y", domain: [0, 1.12 * Math.max(0.01, ...points.map(({ map }) => map))], range: "height" },
    ],
    axes: [
      { orient: "bottom", scale: "x", title: "milliseconds per picture (median)", grid: true },
      { orient: "left", scale: "y", title: "mAP50-95", grid: true },
    ],
    marks: [
      {
        type: "line",
        from: { data: "front" },
        encode: {
          enter: {
            x: { scale: "x", field: "ms" },
            y: { scale: "y", field: "map" },
            stroke: { value: "#0b57d0" },
            strokeOpacity: { value: 0.35 },
            strokeWidth: { value: 2 },
          },
        },
      },
      {
        type: "symbol",
        from: { data: "points" },
        encode: {
          enter: {
            x: { scale: "x", field: "ms" },
            y: { scale: "y", field: "map" },
            size: { value: 90 },
            fill: color,
          },
        },
      },
      {
        type: "text",
        from: { data: "points" },
        encode: {
          enter: {
            x: { scale: "x", field: "ms" },
            y: { scale: "y", field: "map", offset: { signal: "datum.above ? -12 : 20" } },
            text: { field: "name" },
            align: { value: "center" },
            fontSize: { value: 11 },
            fill: { value: "#333" },
          },
        },
      },
    ],
  };
}

/** True if no other point is at least as good in both and better in one. */
function isBest({ ms, map }: ParetoPoint, points: readonly ParetoPoint[]): boolean {
  return !points.some((other) => other.ms <= ms && other.map >= map && (other.ms < ms || other.map > map));
}

/** Bar chart of the layers' sensitivities, in graph order. */
export function sensitivitySpec(rows: readonly LayerSensitivity[]): Spec {
  return {
    ...STYLE,
    title: {
      text: "Sensitivity of the layers",
      subtitle: "error of the outputs ÷ error of the layer (logarithmic); long bars: prune elsewhere",
    },
    width: 680,
    height: { signal: `${Math.max(rows.length, 1)} * 13` },
    data: [{ name: "rows", values: rows.map(({ layer, factor }) => ({ layer, factor: Math.max(factor, 1e-3) })) }],
    scales: [
      { name: "y", type: "band", domain: rows.map(({ layer }) => layer), range: "height", padding: 0.25 },
      { name: "x", type: "log", domain: { data: "rows", field: "factor" }, range: "width", nice: true },
    ],
    axes: [
      { orient: "left", scale: "y", labelFontSize: 9, tickSize: 0 },
      { orient: "top", scale: "x", grid: true, tickCount: 5 },
    ],
    marks: [
      {
        type: "rect",
        from: { data: "rows" },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { scale: "x", field: "factor" },
            y: { scale: "y", field: "layer" },
            height: { scale: "y", band: 1 },
            fill: { value: "#0b57d0" },
          },
        },
      },
    ],
  };
}
