/** The tables that val.py prints, column by column. */

import type { Metrics } from "../../eval/metrics.js";
import { formatSignificant } from "../../yolov5/output/text/printf.js";

const NAME_WIDTH = 22;
const WIDTH = 11;

const cell = (text: string): string => text.padStart(WIDTH);
const figure = (value: number): string => cell(formatSignificant(value, 3));

/** `Class Images Instances P R mAP50 mAP50-95`, plus the mask columns for segmentation. */
export function tableHeader(withMasks: boolean): string {
  const counts = ["Images", "Instances"];
  const figures = withMasks
    ? ["Box(P", "R", "mAP50", "mAP50-95)", "Mask(P", "R", "mAP50", "mAP50-95)"]
    : ["P", "R", "mAP50", "mAP50-95"];
  return "Class".padStart(NAME_WIDTH) + [...counts, ...figures].map(cell).join("");
}

type Figures = Pick<Metrics, "instances" | "precision" | "recall" | "map50" | "map50_95">;

function row(name: string, images: number, box: Figures, mask: Figures | undefined): string {
  const figures = [box, ...(mask ? [mask] : [])].flatMap((m) => [m.precision, m.recall, m.map50, m.map50_95]);
  return name.padStart(NAME_WIDTH) + cell(`${images}`) + cell(`${box.instances}`) + figures.map(figure).join("");
}

/** The row `all`, then one row per class if requested. */
export function tableRows(
  names: readonly string[],
  box: Metrics,
  mask: Metrics | undefined,
  perClass: boolean,
): string[] {
  const rows = [row("all", box.images, box, mask)];
  if (!perClass) return rows;
  for (const [i, own] of box.perClass.entries())
    rows.push(row(nameOf(names, own.class), box.images, own, mask?.perClass[i]));
  return rows;
}

export function nameOf(names: readonly string[], index: number): string {
  return names[index] ?? `class${index}`;
}
