/** The tables of a bench. */

import type { NodeTiming } from "../../runtime/backend.js";
import { type Column, megabytes, tableLines } from "../table.js";
import { coldLine } from "./cold.js";
import { frameWorkLine, rounded } from "./frameWork.js";
import type { BenchRow } from "./measure.js";

const COLUMNS: readonly Column[] = [
  { title: "engine" },
  { title: "backend" },
  { title: "model" },
  { title: "dtype" },
  { title: "imgsz", right: true },
  { title: "batch", right: true },
  { title: "threads", right: true },
  { title: "cold ms", right: true },
  { title: "median ms", right: true },
  { title: "p95 ms", right: true },
  { title: "min ms", right: true },
  { title: "fps", right: true },
  { title: "GFLOP/s", right: true },
  { title: "memory", right: true },
  { title: "dispatches", right: true },
  { title: "submits", right: true },
  { title: "max Δ", right: true },
  { title: "runs", right: true },
];

/** Columns that no row has anything for are left out. */
export function benchTable(rows: readonly BenchRow[]): string[] {
  const cells = rows.map((row) => [
    row.engine,
    row.backend,
    row.model,
    row.dtype,
    row.imgsz[0] === row.imgsz[1] ? `${row.imgsz[0]}` : `${row.imgsz[0]}×${row.imgsz[1]}`,
    String(row.batch),
    row.threads === null ? "" : String(row.threads),
    milliseconds(row.coldMs),
    milliseconds(row.medianMs),
    milliseconds(row.p95Ms),
    milliseconds(row.minMs),
    row.fps.toFixed(row.fps < 10 ? 2 : 1),
    row.gflopsPerSecond === null ? "" : row.gflopsPerSecond.toFixed(1),
    row.peakBytes === null ? "" : megabytes(row.peakBytes),
    row.perFrame === null ? "" : rounded(row.perFrame.dispatches),
    row.perFrame === null ? "" : rounded(row.perFrame.submits),
    row.maxDifference === null ? "" : row.maxDifference.toExponential(1),
    String(row.runs),
  ]);
  const used = COLUMNS.map((_, i) => cells.some((row) => row[i] !== ""));
  const select = <T>(list: readonly T[]): T[] => list.filter((_, i) => used[i]);
  return tableLines(select(COLUMNS), cells.map(select));
}

/** Under the table: what does not fit into it. */
export function detailLines(rows: readonly BenchRow[]): string[] {
  return rows.flatMap(({ backend, model, dtype, coldStages, perFrame }) => {
    const name = `${model} ${dtype} on ${backend}`;
    const cold = coldStages ? [`${name}, cold ms: ${coldLine(coldStages)}`] : [];
    return perFrame ? [...cold, `${name}, per frame: ${frameWorkLine(perFrame)}`] : cold;
  });
}

const NODES: readonly Column[] = [
  { title: "node" },
  { title: "kernel" },
  { title: "ms", right: true },
  { title: "GFLOP/s", right: true },
  { title: "GB/s", right: true },
  { title: "share", right: true },
];

/** In the order of the graph. */
export function profileTable(timings: readonly NodeTiming[]): string[] {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const rows = timings.map(({ name, kernel, ms, flops, bytes }) => [
    name,
    kernel,
    ms.toFixed(3),
    ms > 0 ? (flops / ms / 1e6).toFixed(1) : "",
    ms > 0 ? (bytes / ms / 1e6).toFixed(1) : "",
    total > 0 ? `${((100 * ms) / total).toFixed(1)} %` : "",
  ]);
  return [...tableLines(NODES, rows), `${timings.length} nodes, ${total.toFixed(3)} ms`];
}

function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 3 : value < 100 ? 2 : 1);
}
