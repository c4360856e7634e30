/** The table of `yolov5 verify`: one row per layer. */

import type { BuiltGraph } from "../../yolov5/graph/buildGraph.js";
import type { LayerComparison } from "../../yolov5/verify.js";
import { type Column, tableLines } from "../table.js";

const COLUMNS: readonly Column[] = [
  { title: "layer" },
  { title: "module" },
  { title: "max |Δ|", right: true },
  { title: "NMSE", right: true },
  { title: "" },
];

/** @param built supplies the module name of every layer. */
export function layerTable(comparisons: readonly LayerComparison[], { layers }: BuiltGraph): string[] {
  const types = new Map(layers.map(({ index, type }) => [`layer.${index}`, type]));
  return tableLines(
    COLUMNS,
    comparisons.map(({ name, maxAbs, nmse, ok }) => [
      name,
      types.get(name) ?? "",
      maxAbs.toExponential(2),
      nmse.toExponential(2),
      ok ? "ok" : "DIVERGES",
    ]),
  );
}
