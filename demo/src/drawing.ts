/** Results on the page: the library's drawing in the page's sizes, and its colours and names for lists. */

import { annotate, type Detection, paletteColor, type Result, type Trail } from "yolov5-ts";

export function cssColor(index: number): string {
  return `rgb(${paletteColor(index).join(" ")})`;
}

/** Index of its colour: of its track where it has one, else of its class. */
export function colorIndex({ track, class: index }: Pick<Detection, "track" | "class">): number {
  return track ?? index;
}

/** `#3 person` */
export function titleOf({ name, track }: Pick<Detection, "name" | "track">): string {
  return track === undefined ? name : `#${track} ${name}`;
}

export interface DrawOptions {
  /** Device pixels per CSS pixel: lines and letters keep their size on every screen. */
  readonly density: number;
  /** Index of the detection to stress. */
  readonly highlight?: number | undefined;
  /** The ways of tracked objects, in the picture's pixels. */
  readonly trails?: readonly Trail[] | undefined;
}

/** On a canvas that the picture fills. */
export function drawResult(canvas: HTMLCanvasElement, result: Result, options: DrawOptions): void {
  const { density, highlight, trails } = options;
  // On a phone's width labels would hide what they name.
  const points = result.task === "classify" ? 15 : Math.min(12.5, Math.max(9, canvas.width / density / 42));
  const fontSize = Math.round(points * density);
  const style = { fontSize, lineThickness: Math.max(1, 0.2 * fontSize), fontFamily: "system-ui, sans-serif" };
  if (highlight === undefined || result.task === "classify") {
    annotate(canvas, result, { ...style, trails });
    return;
  }
  const others = result.filter((_, index) => index !== highlight);
  const stressed = result.filter((_, index) => index === highlight);
  annotate(canvas, others, { ...style, trails, opacity: 0.25 });
  // The stressed one last, so that nothing covers it.
  annotate(canvas, stressed, { ...style, lineThickness: 0.32 * fontSize });
}
