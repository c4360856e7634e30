/** Rows, ratios and table of `bench --pipeline`. */

import { type Column, megabytes, tableLines } from "../../table.js";
import { quantile } from "../measure.js";
import type { Job, Outcome } from "./jobs.js";
import type { Usage } from "./process.js";

/** A row of the JSON. */
export interface PipelineRow {
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly saves: boolean;
  readonly square: boolean;
  readonly pictures: number;
  readonly boxes: number;
  /** Of the whole process, start included; the median of the rounds. */
  readonly picturesPerSecond: number;
  readonly medianMs: number;
  readonly minMs: number;
  /** Processor time ÷ (time × cores), 0 to 1. */
  readonly cpuShare: number;
  readonly peakBytes: number;
  readonly runs: number;
}

export function pipelineRow(
  job: Job,
  { pictures, boxes }: Outcome,
  usages: readonly Usage[],
  cores: number,
): PipelineRow {
  const { engine, backend, model, saves, square } = job;
  const medianMs = quantile(
    usages.map(({ wallMs }) => wallMs),
    0.5,
  );
  return {
    engine,
    backend,
    model,
    saves,
    square,
    pictures,
    boxes,
    picturesPerSecond: (pictures * 1000) / medianMs,
    medianMs,
    minMs: Math.min(...usages.map(({ wallMs }) => wallMs)),
    cpuShare: quantile(
      usages.map(({ cpuMs, wallMs }) => cpuMs / (wallMs * cores)),
      0.5,
    ),
    peakBytes: Math.max(...usages.map(({ peakBytes }) => peakBytes)),
    runs: usages.length,
  };
}

/** How much faster this engine does the same job: a peer's median time divided by ours. */
export interface PipelineRatio {
  readonly engine: string;
  readonly over: string;
  readonly model: string;
  readonly saves: boolean;
  readonly medianOverMedian: number;
}

const OWN = "yolov5-ts";

/** Compares only like with like: saved or not, full input size or stride-minimal. */
export function pipelineRatios(rows: readonly PipelineRow[]): PipelineRatio[] {
  const alike = (a: PipelineRow, b: PipelineRow): boolean =>
    a.model === b.model && a.saves === b.saves && a.square === b.square;
  return rows
    .filter(({ engine }) => engine === OWN)
    .flatMap((own) =>
      rows
        .filter((peer) => peer.engine !== OWN && alike(own, peer))
        .map((peer) => ({
          engine: `${own.engine}/${own.backend}`,
          over: peer.engine,
          model: own.model,
          saves: own.saves,
          medianOverMedian: peer.medianMs / own.medianMs,
        })),
    );
}

export const jobName = ({ saves, square }: Pick<PipelineRow, "saves" | "square">): string =>
  `${saves ? "detect and save" : "detect"}${square ? ", square" : ""}`;

const COLUMNS: readonly Column[] = [
  { title: "engine" },
  { title: "backend" },
  { title: "model" },
  { title: "job" },
  { title: "pictures/s", right: true },
  { title: "median s", right: true },
  { title: "min s", right: true },
  { title: "CPU", right: true },
  { title: "peak memory", right: true },
  { title: "boxes", right: true },
  { title: "runs", right: true },
];

export function pipelineTable(rows: readonly PipelineRow[]): string[] {
  const cells = rows.map((row) => [
    row.engine,
    row.backend,
    row.model,
    jobName(row),
    row.picturesPerSecond.toFixed(1),
    (row.medianMs / 1000).toFixed(2),
    (row.minMs / 1000).toFixed(2),
    `${Math.round(row.cpuShare * 100)} %`,
    megabytes(row.peakBytes),
    String(row.boxes),
    String(row.runs),
  ]);
  return tableLines(COLUMNS, cells);
}

export function pipelineRatioLines(ratios: readonly PipelineRatio[]): string[] {
  return ratios.map(
    ({ engine, over, saves, medianOverMedian }) =>
      `${engine} is ${medianOverMedian.toFixed(2)}× as fast as ${over}, ${saves ? "pictures saved" : "nothing saved"}`,
  );
}
