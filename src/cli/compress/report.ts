/** `--report`: one self-contained HTML file with table, charts, and pictures before and after. */

import { Breather } from "../../breathe.js";
import type { LayerSensitivity } from "../../compress/index.js";
import type { FactoredLayer } from "../../compress/lowRank/lowRankFactorizer.js";
import type { CurvePoint } from "../../compress/recover/state.js";
import { type ParetoPoint, paretoSpec, sensitivitySpec } from "../../compress/report/pareto.js";
import { renderSvg } from "../../eval/plots/render.js";
import { encodeJpeg, type RgbImage } from "../../image/index.js";
import { counted } from "../table.js";
import type { CompressionRow } from "./measure.js";
import { escapeHtml, learningHtml, pageHtml } from "./page.js";
import { compressionCells } from "./table.js";

/** One picture with its labels and the detections of the first and the last step. */
export interface Example {
  readonly name: string;
  readonly labels: RgbImage;
  readonly before: RgbImage;
  readonly after: RgbImage;
}

export interface ReportContent {
  readonly weights: string;
  readonly data: string;
  readonly pictures: number;
  readonly imgsz: number;
  /** The device that ran it. */
  readonly device: string;
  readonly rows: readonly CompressionRow[];
  readonly notes: readonly string[];
  readonly sensitivities: readonly LayerSensitivity[];
  /** Convolutions that two have replaced; empty without any. */
  readonly ranks: readonly FactoredLayer[];
  readonly examples: readonly Example[];
  /** How the training went; empty without one. */
  readonly curve: readonly CurvePoint[];
  /** The same of the training for int8. */
  readonly int8Curve: readonly CurvePoint[];
  /** Name of the row shown as `after` in the examples. */
  readonly last: string;
}

/** @throws the signal's reason once it is aborted. */
export async function reportHtml(content: ReportContent, signal?: AbortSignal): Promise<string> {
  const breather = new Breather(signal);
  const { rows, notes, sensitivities, examples } = content;
  const charts: string[] = [];
  for (const [index, { backend }] of (rows[0]?.latency ?? []).entries()) {
    const points = rows.map(({ name, latency, map50_95 }): ParetoPoint => {
      return { name, ms: latency[index].medianMs, map: map50_95 };
    });
    charts.push(await renderSvg(paretoSpec(points, backend)));
    await breather.rest();
  }
  const learning = await learningHtml(content.curve, breather);
  const int8Learning = await learningHtml(content.int8Curve, breather);
  const pictures: string[] = [];
  for (const example of examples) {
    pictures.push(exampleHtml(example, content));
    await breather.rest();
  }
  const bars = sensitivities.length > 0 ? await renderSvg(sensitivitySpec(sensitivities)) : "";
  return pageHtml({
    title: `${content.weights}: compression`,
    heading: content.weights,
    facts: `${counted(content.pictures, "picture")} of ${content.data} at ${content.imgsz} px · ${content.device}`,
    body: `${notes.map((note) => `<p>${escapeHtml(note)}</p>`).join("\n")}
<h2>Every step</h2>
<div class="scroll">${table(rows)}</div>
<p class="hint">Small grey figures: change from the first row. Size: .safetensors; deflated: as in a zip. Times: median for one picture through the network, all steps interleaved.</p>
<h2>Accuracy over time</h2>
${charts.join("\n")}
${learning === "" ? "" : `<h2>Recovery</h2>\n${learning}`}
${int8Learning === "" ? "" : `<h2>Recovery in int8</h2>\n${int8Learning}`}
${examples.length > 0 ? `<h2>Examples</h2>\n${pictures.join("\n")}` : ""}
${ranksHtml(content.ranks)}
${bars === "" ? "" : `<h2>Where it hurts</h2>\n${bars}`}`,
  });
}

function ranksHtml(ranks: readonly FactoredLayer[]): string {
  if (ranks.length === 0) return "";
  const rows = ranks.map(
    ({ layer, channels, rank, left }) =>
      `<tr><td>${escapeHtml(layer)}</td><td>${channels}</td><td>${rank}</td><td>${(100 * left).toFixed(2)} %</td></tr>`,
  );
  return `<h2>Ranks</h2>
<p class="hint">Convolutions replaced by two: output channels, channels between the two, and what is left of the effect on the outputs.</p>
<div class="scroll"><table><thead><tr><th>layer</th><th>channels</th><th>rank</th><th>left</th></tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

/** Columns that show their change from the first row. */
const RELATIVE: ReadonlySet<string> = new Set(["size", "deflated", "parameters", "GFLOPs"]);

function table(rows: readonly CompressionRow[]): string {
  const { columns, cells } = compressionCells(rows);
  const values = rows.map((row) => [
    Number.NaN,
    row.bytes,
    row.compressedBytes,
    row.parameters,
    row.gflops,
    ...[row.precision, row.recall, row.f1, row.map50, row.map50_95],
    ...row.latency.flatMap(({ medianMs, peakBytes }) => [medianMs, peakBytes]),
  ]);
  const head = columns.map(({ title }) => `<th>${escapeHtml(title)}</th>`).join("");
  const body = cells.map((row, r) => {
    const columnsOf = row.map((cell, c) => {
      const [now, first] = [values[r][c], values[0][c]];
      const relative = RELATIVE.has(columns[c].title) || / (ms|memory)$/.test(columns[c].title);
      const change = relative ? `${signed(100 * (now / first - 1), 0)} %` : signed(now - first, 3);
      const delta = r > 0 && c > 0 && first > 0 ? `<span class="delta">${change}</span>` : "";
      return `<td>${escapeHtml(cell)}${delta}</td>`;
    });
    return `<tr>${columnsOf.join("")}</tr>`;
  });
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table>`;
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? `±${text}` : `${value < 0 ? "−" : "+"}${text}`;
}

function exampleHtml({ name, labels, before, after }: Example, { rows, last }: ReportContent): string {
  const figure = (image: RgbImage, caption: string): string => {
    const data = Buffer.from(encodeJpeg(image, 85)).toString("base64");
    return `<figure><img alt="${escapeHtml(caption)}" src="data:image/jpeg;base64,${data}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  };
  return `<div class="example">${figure(labels, `${name}, labels`)}${figure(before, rows[0]?.name ?? "before")}${figure(after, last)}</div>`;
}
