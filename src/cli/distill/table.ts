/** Teacher, student before and after: the table for terminals and for the report. */

import { escapeHtml } from "../compress/page.js";
import { type Column, grouped, megabytes, tableLines } from "../table.js";

export interface DistillRow {
  readonly name: string;
  /** Of the file; absent for random weights. */
  readonly bytes?: number | undefined;
  readonly parameters: number;
  readonly gflops: number;
  /** mAP50-95 with the teacher's boxes as labels; absent for the teacher, and where it could not be measured. */
  readonly agreement?: number | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: "network" },
  ...["size", "parameters", "GFLOPs", "agreement"].map((title) => ({ title, right: true })),
];

function cellsOf({ name, bytes, parameters, gflops, agreement }: DistillRow): string[] {
  return [
    name,
    bytes === undefined ? "" : megabytes(bytes),
    grouped(parameters),
    gflops.toFixed(2),
    agreement?.toFixed(3) ?? "",
  ];
}

export const distillTable = (rows: readonly DistillRow[]): string[] => tableLines([...COLUMNS], rows.map(cellsOf));

export function distillHtml(rows: readonly DistillRow[]): string {
  const row = (cells: readonly string[], tag: "td" | "th"): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
  const titles = COLUMNS.map(({ title }) => title);
  return `<table><thead>${row(titles, "th")}</thead><tbody>${rows.map((own) => row(cellsOf(own), "td")).join("\n")}</tbody></table>`;
}
