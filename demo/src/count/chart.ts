/** Counts over time as steps: how many crossed each line, how many are in each zone. */

import type { Counted } from "./counters.js";
import { figureColor } from "./figures.js";

const SVG = "http://www.w3.org/2000/svg";
/** As in styles/tools.css: letters and lines have the size of the page's. */
const HEIGHT = 120;
const LEAST_WIDTH = 240;
const PAD = { left: 26, right: 8, top: 8, bottom: 20 };
/** Longer runs show their last part. */
const MOST_SECONDS = 120;

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
  text = "",
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** The least of 2, 4, 6, 8, 10, 20, 40, … that is not below a value: half of it is whole too. */
function niceMost(value: number): number {
  for (let unit = 1; ; unit *= 10) for (const step of [2, 4, 6, 8, 10]) if (step * unit >= value) return step * unit;
}

export class Chart {
  constructor(private readonly target: SVGSVGElement) {}

  /** @param span first and last time in seconds. */
  show(names: readonly string[], counted: readonly Counted[], [first, last]: readonly [number, number]): void {
    const width = Math.max(this.target.clientWidth, LEAST_WIDTH);
    this.target.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const from = Math.max(first, last - MOST_SECONDS);
    const to = Math.max(last, from + 5);
    const most = niceMost(Math.max(2, ...counted.flatMap(({ samples }) => samples.map(({ value }) => value))));
    const x = (time: number): number =>
      PAD.left + ((Math.max(time, from) - from) / (to - from)) * (width - PAD.left - PAD.right);
    const y = (value: number): number => HEIGHT - PAD.bottom - (value / most) * (HEIGHT - PAD.top - PAD.bottom);
    const parts: SVGElement[] = [0, most / 2, most].map((value) =>
      svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(value), y2: y(value) }),
    );
    for (const value of [0, most / 2, most]) {
      parts.push(svg("text", { x: PAD.left - 7, y: y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    parts.push(svg("text", { x: PAD.left, y: HEIGHT - 4 }, `${from.toFixed(0)} s`));
    parts.push(svg("text", { x: width - PAD.right, y: HEIGHT - 4, "text-anchor": "end" }, `${to.toFixed(0)} s`));
    counted.forEach(({ samples }, i) => {
      let path = "";
      let before = 0;
      for (const { time, value } of samples) {
        const at = x(time).toFixed(1);
        path += path === "" ? `M${at} ${y(value).toFixed(1)}` : `L${at} ${y(before).toFixed(1)}V${y(value).toFixed(1)}`;
        before = value;
      }
      if (path !== "") path += `H${x(last).toFixed(1)}`;
      const series = svg("path", { class: "series", d: path });
      series.style.stroke = figureColor(i);
      parts.push(series);
    });
    this.target.replaceChildren(...parts);
    const said = names.map((name, i) => `${name}: ${counted[i].text}`).join("; ");
    this.target.setAttribute("aria-label", `Counts over time. ${said}`);
  }
}
