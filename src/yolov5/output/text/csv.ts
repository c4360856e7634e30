/** Results as lines of comma-separated values (RFC 4180). */

import type { ClassScore } from "../classify.js";
import type { Detection } from "../detections.js";

interface Facts {
  readonly source: string | undefined;
  readonly frame: number | undefined;
  readonly time: number | undefined;
}

type Cell = string | number | undefined;

export function detectionCsv(facts: Facts & { readonly detections: readonly Detection[] }, header: boolean): string {
  const rows = facts.detections.map((d): Cell[] => [
    ...[facts.source, facts.frame, facts.time, d.track, d.class, d.name, d.confidence],
    ...[d.xmin, d.ymin, d.xmax, d.ymax],
  ]);
  const names = ["source", "frame", "time", "track", "class", "name", "confidence", "xmin", "ymin", "xmax", "ymax"];
  return csvLines(header ? [names, ...rows] : rows);
}

export function classificationCsv(facts: Facts & { readonly top5: readonly ClassScore[] }, header: boolean): string {
  const { source, frame, time } = facts;
  const rows = facts.top5.map((score): Cell[] => [source, frame, time, score.class, score.name, score.confidence]);
  return csvLines(header ? [["source", "frame", "time", "class", "name", "confidence"], ...rows] : rows);
}

/** Rows as lines; strings are quoted where they must be. */
export const csvLines = (rows: readonly (readonly Cell[])[]): string =>
  rows.map((row) => `${row.map(cell).join(",")}\n`).join("");

function cell(value: Cell): string {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
