/** The tables of a bench. */

import { type Column, megabytes, tableLines } from "../table.js";
import { coldLine } from "./cold.js";
import { frameWorkLine, rounded } from "./frameWork.js";
import type { LayerProfile } from "./layers.js";
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

/** Omits columns that are empty in every row. */
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

/** Lines under the table for what does not fit into it. */
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

const FLOORS: readonly Column[] = [
  { title: "floor ms", right: true },
  { title: "of floor", right: true },
];

/** Nodes in graph order, and their sum. */
export function profileLines({ backend, model, dtype, peaks, nodes, totalMs, totalFloorMs }: LayerProfile): string[] {
  const rows = nodes.map(({ name, kernel, ms, flops, bytes, floorMs }) => [
    name,
    kernel,
    ms.toFixed(3),
    ms > 0 ? (flops / ms / 1e6).toFixed(1) : "",
    ms > 0 ? (bytes / ms / 1e6).toFixed(1) : "",
    percent(ms, totalMs),
    ...(floorMs === null ? [] : [floorMs.toFixed(3), percent(floorMs, ms)]),
  ]);
  const lines = [`${model} ${dtype} on ${backend}:`];
  if (peaks) {
    const { gflopsPerSecond, gbPerSecond } = peaks;
    const measured = `${gflopsPerSecond.toFixed(1)} GFLOP/s, ${gbPerSecond.toFixed(1)} GB/s`;
    lines.push(
      `device peaks, measured now: ${measured}; floor: the longer of arithmetic and memory traffic at these rates`,
    );
  }
  lines.push(...tableLines(peaks ? [...NODES, ...FLOORS] : NODES, rows));
  const sum = `${nodes.length} nodes, ${totalMs.toFixed(3)} ms`;
  const floor = totalFloorMs === null ? "" : `, floor ${totalFloorMs.toFixed(3)} ms, ${percent(totalFloorMs, totalMs)}`;
  return [...lines, sum + floor];
}

const percent = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "");

function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 3 : value < 100 ? 2 : 1);
}
