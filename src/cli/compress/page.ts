/** What the reports of `compress` and `distill` share: a self-contained page, and the curves of a training. */

import type { Breather } from "../../breathe.js";
import type { CurvePoint } from "../../compress/recover/state.js";
import { learningCurveSpecs } from "../../compress/report/learningCurve.js";
import { renderSvg } from "../../eval/plots/render.js";
import { printable } from "../../printable.js";
import { VERSION } from "../../version.js";

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
.facts, .hint { color: #666; margin: 0 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; white-space: nowrap; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid #e4e4e4; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; } th { border-bottom: 2px solid #bbb; font-weight: 600; }
tr:hover td { background: #f5f8ff; } .delta { color: #888; font-size: 11.5px; display: block; line-height: 1.1; }
svg { max-width: 100%; height: auto; }
.example { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem; margin-bottom: 1rem; }
figure { margin: 0; } figure img { width: 100%; display: block; } figcaption { font-size: 12.5px; color: #555; }
`;

/** Text but for the body, which is HTML. */
export interface PageContent {
  readonly title: string;
  readonly heading: string;
  readonly facts: string;
  readonly body: string;
}

export function pageHtml({ title, heading, facts, body }: PageContent): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body>
<h1>${escapeHtml(heading)}</h1>
<p class="facts">${escapeHtml(facts)} · yolov5-ts ${VERSION}</p>
${body}
</body>
</html>
`;
}

/** The curves as SVG; empty without a training. */
export async function learningHtml(curve: readonly CurvePoint[], breather: Breather): Promise<string> {
  const charts: string[] = [];
  for (const spec of curve.length > 1 ? learningCurveSpecs(curve) : []) {
    charts.push(await renderSvg(spec));
    await breather.rest();
  }
  return charts.join("\n");
}

/** Names come from files and must not become markup. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
