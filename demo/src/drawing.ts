/** Draws results with the library at the page's sizes, and provides colours and names for lists. */

import { annotate, type Detection, paletteColor, type Result, type ThemeName, type Trail } from "yolov5-ts";
import type { Figure } from "yolov5-ts/solutions";

export function cssColor(index: number, theme: ThemeName): string {
  return `rgb(${paletteColor(index, theme).join(" ")})`;
}

/** Colour index: by track if there is one, else by class. */
export function colorIndex({ track, class: index }: Pick<Detection, "track" | "class">): number {
  return track ?? index;
}

/** `#3 person` */
export function titleOf({ name, track }: Pick<Detection, "name" | "track">): string {
  return track === undefined ? name : `#${track} ${name}`;
}

export interface DrawOptions {
  /** Default `classic`. */
  readonly theme?: ThemeName | undefined;
  /** Device pixels per CSS pixel, so that lines and letters have the same size on every screen. */
  readonly density: number;
  /** Index of the detection to highlight. */
  readonly highlight?: number | undefined;
  /** The trails of tracked objects, in picture pixels. */
  readonly trails?: readonly Trail[] | undefined;
  /** Lines and zones, in picture pixels. */
  readonly figures?: readonly Figure[] | undefined;
}

/** Draws on a canvas that the picture fills. */
export function drawResult(canvas: HTMLCanvasElement, result: Result, options: DrawOptions): void {
  const { theme, density, highlight, trails, figures } = options;
  // On a phone's screen labels would hide the objects.
  const points = result.task === "classify" ? 15 : Math.min(12.5, Math.max(9, canvas.width / density / 42));
  const fontSize = Math.round(points * density);
  const width = theme === "high-contrast" ? 0.25 : 0.2;
  const lineThickness = Math.max(1, width * fontSize);
  const style = { theme, fontSize, lineThickness, fontFamily: "system-ui, sans-serif" };
  if (highlight === undefined || result.task === "classify") {
    annotate(canvas, result, { ...style, trails, figures });
    return;
  }
  const others = result.filter((_, index) => index !== highlight);
  const stressed = result.filter((_, index) => index === highlight);
  annotate(canvas, others, { ...style, trails, figures, opacity: 0.25 });
  // The highlighted one last, so that nothing covers it.
  annotate(canvas, stressed, { ...style, lineThickness: 0.32 * fontSize });
}
