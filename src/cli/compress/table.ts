/** The table of a compression run for terminals, and its cells, which the report shows too. */

import { type Column, grouped, megabytes, tableLines } from "../table.js";
import type { CompressionRow } from "./measure.js";

/** Titles and cells; times and memory appear once per backend. */
export function compressionCells(rows: readonly CompressionRow[]): { columns: Column[]; cells: string[][] } {
  const backends = rows[0]?.latency.map(({ backend }) => backend) ?? [];
  const columns: Column[] = [
    { title: "step" },
    ...["size", "deflated", "parameters", "GFLOPs", "P", "R", "F1", "mAP50", "mAP50-95"].map(right),
    ...backends.flatMap((backend) => [right(`${backend} ms`), right(`${backend} memory`)]),
  ];
  const cells = rows.map((row) => [
    row.name,
    megabytes(row.bytes),
    megabytes(row.compressedBytes),
    grouped(row.parameters),
    row.gflops.toFixed(2),
    ...[row.precision, row.recall, row.f1, row.map50, row.map50_95].map((value) => value.toFixed(3)),
    ...row.latency.flatMap(({ medianMs, peakBytes }) => [medianMs.toFixed(1), megabytes(peakBytes)]),
  ]);
  return { columns, cells };
}

function right(title: string): Column {
  return { title, right: true };
}

export function compressionTable(rows: readonly CompressionRow[]): string[] {
  const { columns, cells } = compressionCells(rows);
  return tableLines(columns, cells);
}
