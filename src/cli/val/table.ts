/** The tables that val.py prints, column by column. */

import type { Metrics } from "../../eval/metrics/metrics.js";
import { formatSignificant } from "../../yolov5/output/text/printf.js";

const NAME_WIDTH = 22;
const WIDTH = 11;

const cell = (text: string): string => text.padStart(WIDTH);
const figure = (value: number): string => cell(formatSignificant(value, 3));

/** `Class Images Instances P R mAP50 mAP50-95`, plus columns for masks (`Mask`) or keypoints (`Pose`). */
export function tableHeader(second?: "Mask" | "Pose"): string {
  const counts = ["Images", "Instances"];
  const figures = second
    ? ["Box(P", "R", "mAP50", "mAP50-95)", `${second}(P`, "R", "mAP50", "mAP50-95)"]
    : ["P", "R", "mAP50", "mAP50-95"];
  return "Class".padStart(NAME_WIDTH) + [...counts, ...figures].map(cell).join("");
}

type Figures = Pick<Metrics, "instances" | "precision" | "recall" | "map50" | "map50_95">;

function row(name: string, images: number, box: Figures, second: Figures | undefined): string {
  const figures = [box, ...(second ? [second] : [])].flatMap((m) => [m.precision, m.recall, m.map50, m.map50_95]);
  return name.padStart(NAME_WIDTH) + cell(`${images}`) + cell(`${box.instances}`) + figures.map(figure).join("");
}

/** The row `all`, then one row per class if requested. */
export function tableRows(
  names: readonly string[],
  box: Metrics,
  second: Metrics | undefined,
  perClass: boolean,
): string[] {
  const rows = [row("all", box.images, box, second)];
  if (!perClass) return rows;
  for (const [i, own] of box.perClass.entries())
    rows.push(row(nameOf(names, own.class), box.images, own, second?.perClass[i]));
  return rows;
}

export function nameOf(names: readonly string[], index: number): string {
  return names[index] ?? `class${index}`;
}
