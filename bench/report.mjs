/**
 * Turns the JSON of benches into what people read:
 *   node bench/report.mjs run.json …                   Markdown tables on standard output
 *   node bench/report.mjs --chart chart.svg run.json … also a bar chart of the medians
 */

import { readFile, writeFile } from "node:fs/promises";

const OWN = "yolov5-ts";

/** `yolov5-ts wasm, 2 threads`. */
function label({ engine, backend, threads, dtype }) {
  const type = dtype === "float32" ? "" : `, ${dtype}`;
  return `${engine} ${backend}${threads ? `, ${threads} thread${threads > 1 ? "s" : ""}` : ""}${type}`;
}

const milliseconds = (value) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0));

/** Stages of a cold start, in words. */
const COLD = {
  open: "open file",
  device: "device",
  graph: "graph and passes",
  lowering: "lowering",
  kernels: "kernels",
  weights: "weights",
  firstRun: "first run",
};

/** Markdown for one run: rows of one run were interleaved, so only they may be compared. */
function markdown({ device, rows, ratios }) {
  const host = device.browser ?? `Node ${device.node}`;
  const lines = [
    `${device.adapter}; ${device.cpu}, ${device.cores} cores, ${host}`,
    "",
    "| engine | model | imgsz | batch | cold ms | median ms | p95 ms | min ms | GFLOP/s | memory MB | dispatches | max Δ | runs |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
  ];
  for (const row of rows) {
    const name = row.engine === OWN ? `**${label(row)}**` : label(row);
    const times = [row.coldMs, row.medianMs, row.p95Ms, row.minMs].map(milliseconds);
    const rate = row.gflopsPerSecond === null ? "" : row.gflopsPerSecond.toFixed(1);
    const difference = row.maxDifference === null ? "" : row.maxDifference.toExponential(0);
    const memory = row.peakBytes === null ? "" : (row.peakBytes / 1e6).toFixed(1);
    // Absent in files of earlier versions.
    const dispatches = row.perFrame?.dispatches ?? "";
    const cells = [name, row.model, row.imgsz.join("×"), row.batch, ...times, rate, memory, dispatches, difference];
    lines.push(`| ${[...cells, row.runs].join(" | ")} |`);
  }
  for (const { coldStages, ...row } of rows) {
    if (!coldStages) continue;
    const stages = Object.entries(coldStages).map(([stage, ms]) => `${COLD[stage]} ${milliseconds(ms)}`);
    lines.push("", `Cold ms, ${label(row)}, ${row.model}: ${stages.join(", ")}.`);
  }
  if (ratios.length > 0) lines.push("");
  const bestOf = (name, model) =>
    rows.find((row) => `${row.engine}/${row.backend}` === name && row.model === model)?.minMs;
  for (const { engine, over, model, medianOverMedian } of ratios) {
    const best = bestOf(over, model) / bestOf(engine, model);
    lines.push(`- ${engine} over ${over}: ${medianOverMedian.toFixed(2)}× (best times: ${best.toFixed(2)}×)`);
  }
  return lines.join("\n");
}

const xml = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Horizontal bars, one group a run, shorter is better. */
function chart(runs) {
  const [barHeight, gap, left, width] = [22, 8, 260, 820];
  const parts = [];
  let y = 16;
  for (const { device, rows } of runs) {
    const longest = Math.max(...rows.map(({ medianMs }) => medianMs));
    const [{ model, imgsz, batch }] = rows;
    const title = `${model}, ${imgsz.join("×")}, batch ${batch}: median ms (shorter is better)`;
    parts.push(`<text x="8" y="${y + 4}" class="title">${xml(title)}</text>`);
    parts.push(`<text x="8" y="${y + 22}" class="note">${xml(device.adapter)}; ${xml(device.cpu)}</text>`);
    y += 38;
    for (const row of rows.toSorted((a, b) => a.medianMs - b.medianMs)) {
      const length = Math.max(2, ((width - left - 70) * row.medianMs) / longest);
      const kind = row.engine === OWN ? "own" : "peer";
      parts.push(`<text x="${left - 8}" y="${y + 15}" class="label ${kind}">${xml(label(row))}</text>`);
      parts.push(
        `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" class="${kind}"/>`,
      );
      const text = milliseconds(row.medianMs);
      parts.push(`<text x="${(left + length + 6).toFixed(1)}" y="${y + 15}" class="value">${text}</text>`);
      y += barHeight + gap;
    }
    y += 22;
  }
  const style = `text{font:13px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;font-size:14px;fill:#24292f}
.note{font-size:11px}.label{text-anchor:end}.label.own{font-weight:600;fill:#0a58ca}rect.own{fill:#0a58ca}rect.peer{fill:#b8c0cc}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}">
<style>${style}</style>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

const args = process.argv.slice(2);
const at = args.indexOf("--chart");
const svg = at >= 0 ? args.splice(at, 2)[1] : undefined;
if (args.length === 0 || (at >= 0 && !svg)) {
  console.error("usage: node bench/report.mjs [--chart chart.svg] run.json …");
  process.exit(2);
}
const runs = await Promise.all(args.map(async (path) => JSON.parse(await readFile(path, "utf8"))));
console.log(runs.map(markdown).join("\n\n"));
if (svg) await writeFile(svg, chart(runs));
