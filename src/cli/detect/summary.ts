/** The text output of a detect run: detect.py's log lines, and a table of detections. */

import type { Result } from "../../yolov5/model.js";
import type { ClassScore } from "../../yolov5/output/classify.js";
import type { Detection, Speed } from "../../yolov5/output/results.js";
import { formatF } from "../../yolov5/output/text/printf.js";
import { fileNameOf } from "../files/fileNames.js";
import { type Column, grouped, tableLines } from "../table.js";

/** What the texts need of a result: plain data without its masks. */
export interface Shown {
  readonly source: string | undefined;
  readonly task: Result["task"];
  readonly input: readonly number[];
  readonly speed: Speed;
  readonly frame: number | undefined;
  /** `4 persons, 1 bus`. */
  readonly summary: string;
  readonly detections: readonly Detection[];
  readonly top5: readonly ClassScore[];
}

export function shownOf(result: Result): Shown {
  const { source, task, input, speed, frame } = result;
  const detections = result.detections.map(({ xmin, ymin, xmax, ymax, confidence, class: index, name }) => {
    return { xmin, ymin, xmax, ymax, confidence, class: index, name };
  });
  const top5 = result.task === "classify" ? result.top5 : [];
  return { source, task, input, speed, frame, summary: result.summary(), detections, top5 };
}

/** detect.py's line for a picture: `image 1/2 /p/bus.jpg: 640x480 4 persons, 1 bus, 98.0ms`. */
export function logLine(result: Shown, index: number, count: number): string {
  const [, , height, width] = result.input;
  return `image ${index}/${count} ${result.source}: ${height}x${width} ${result.summary}, ${formatF(result.speed.inference, 1)}ms`;
}

/** detect.py's line for a frame: `video 1/1 (12/375) /p/clip.mp4: 384x640 3 persons, 30.1ms`. */
export function frameLine(result: Shown, index: number, count: number, frames: number | undefined): string {
  const [, , height, width] = result.input;
  const at = frames === undefined ? `${result.frame}` : `${result.frame}/${frames}`;
  const ms = formatF(result.speed.inference, 1);
  return `video ${index}/${count} (${at}) ${result.source}: ${height}x${width} ${result.summary}, ${ms}ms`;
}

/** detect.py's closing line with mean times per picture. */
export class SpeedMeter {
  private count = 0;
  private preprocess = 0;
  private inference = 0;
  private postprocess = 0;

  add({ speed }: Shown): void {
    this.count++;
    this.preprocess += speed.preprocess;
    this.inference += speed.inference;
    this.postprocess += speed.postprocess;
  }

  line(imgsz: readonly [number, number]): string {
    const mean = (total: number): string => formatF(total / Math.max(this.count, 1), 1);
    return (
      `Speed: ${mean(this.preprocess)}ms pre-process, ${mean(this.inference)}ms inference, ` +
      `${mean(this.postprocess)}ms NMS per image at shape (1, 3, ${imgsz[0]}, ${imgsz[1]})`
    );
  }
}

/** With more rows than this, the table is summarised by class. */
const MOST_ROWS = 40;

const BOXES: readonly Column[] = [
  { title: "image" },
  { title: "class" },
  { title: "confidence", right: true },
  { title: "xmin", right: true },
  { title: "ymin", right: true },
  { title: "xmax", right: true },
  { title: "ymax", right: true },
];
const CLASSES: readonly Column[] = [
  { title: "class" },
  { title: "boxes", right: true },
  { title: "images", right: true },
  { title: "lowest confidence", right: true },
  { title: "highest", right: true },
];
const SCORES: readonly Column[] = [{ title: "image" }, { title: "class" }, { title: "confidence", right: true }];

interface Totals {
  readonly name: string;
  boxes: number;
  images: number;
  lowest: number;
  highest: number;
}

/** Collects what the table needs, so that results and their masks need not be kept. */
export class Summary {
  private rows: string[][] = [];
  private readonly totals = new Map<number, Totals>();
  private images = 0;
  private found = 0;
  private classification = false;

  add(result: Shown): void {
    this.images++;
    const image = fileNameOf(result.source ?? "picture");
    if (result.task === "classify") {
      this.classification = true;
      const [best] = result.top5;
      if (best) {
        this.row([image, best.name, best.confidence.toFixed(3)]);
        this.count(best.class, best.name, best.confidence, new Set());
      }
      return;
    }
    const seen = new Set<number>();
    for (const { class: index, name, confidence, xmin, ymin, xmax, ymax } of result.detections) {
      this.row([image, name, confidence.toFixed(3), ...[xmin, ymin, xmax, ymax].map((value) => value.toFixed(1))]);
      this.count(index, name, confidence, seen);
    }
  }

  /** The table, by class if there are many rows. */
  lines(): string[] {
    if (this.found === 0) return this.images === 0 ? [] : ["Nothing found."];
    if (this.found <= MOST_ROWS) return tableLines(this.classification ? SCORES : BOXES, this.rows);
    const totals = [...this.totals.entries()].sort(([a], [b]) => a - b).map(([, entry]) => entry);
    const rows = totals.map(({ name, boxes, images, lowest, highest }) => [
      name,
      grouped(boxes),
      grouped(images),
      lowest.toFixed(3),
      highest.toFixed(3),
    ]);
    return tableLines(this.classification ? CLASSES.with(1, { title: "pictures", right: true }) : CLASSES, rows);
  }

  private row(cells: string[]): void {
    this.found++;
    if (this.found <= MOST_ROWS) this.rows.push(cells);
    else this.rows = [];
  }

  private count(index: number, name: string, confidence: number, seenInImage: Set<number>): void {
    const entry = this.totals.get(index) ?? { name, boxes: 0, images: 0, lowest: 1, highest: 0 };
    this.totals.set(index, entry);
    entry.boxes++;
    if (!seenInImage.has(index)) entry.images++;
    seenInImage.add(index);
    entry.lowest = Math.min(entry.lowest, confidence);
    entry.highest = Math.max(entry.highest, confidence);
  }
}
