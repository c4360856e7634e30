/** How results are drawn: the options of `annotate` and `save`, checked once. */

import { OptionError } from "../../errors.js";
import type { Font } from "../../image/draw/font.js";
import { type Color, paletteColor } from "../../image/draw/palette.js";
import type { Trail } from "../../tracking/index.js";
import { flag, fraction, shown } from "../calls/checks.js";
import { tagOf } from "../input/given.js";
import type { ClassScore } from "../output/classify.js";
import type { Detection, SegmentedDetection } from "../output/detections.js";

/** What drawing reads of a result; results of every task are such. */
export type DrawnResult = { readonly width: number; readonly height: number; readonly names: readonly string[] } & (
  | { readonly task: "detect" | "segment" | "pose"; readonly detections: readonly (Detection | SegmentedDetection)[] }
  | { readonly task: "classify"; readonly top5: readonly ClassScore[] }
);

/** How results are drawn. */
export interface AnnotateStyle {
  /** Pixels of what is drawn on. Default by its size: 3/1000 of the mean side, at least 2. */
  readonly lineThickness?: number | undefined;
  /** Of labels: pixels an em. Default by the size of what is drawn on, or 8 times a thickness that was asked for; 12 at least. */
  readonly fontSize?: number | undefined;
  /** No labels. Default false. */
  readonly hideLabels?: boolean | undefined;
  /** Labels without confidences. Default false. */
  readonly hideConf?: boolean | undefined;
  /** No outlines: masks, labels and trails alone. Default false. */
  readonly hideBoxes?: boolean | undefined;
  /** How much masks cover, 0 to 1; 0 draws none. Default 0.5. */
  readonly maskAlpha?: number | undefined;
  /** Of all that is drawn, 0 to 1. Default 1. */
  readonly opacity?: number | undefined;
  /**
   * Colours by class, by track (where there is none: by class), or red, green and blue, 0 to 255, for each detection.
   * Default `track`.
   */
  readonly color?: "class" | "track" | ((detection: Detection, index: number) => Color) | undefined;
  /** The label's text, `undefined` for none. Default `#3 person 0.87`. */
  readonly label?: ((detection: Detection, index: number) => string | undefined) | undefined;
  /** The ways of tracked objects (`Trails`), in the colours of their ids. */
  readonly trails?: readonly Trail[] | undefined;
  /** Pixels in memory: letters of `openLabelFont`. Default: as the class names need them. */
  readonly font?: Font | undefined;
  /** Canvases: a font family of CSS. Default `sans-serif`. */
  readonly fontFamily?: string | undefined;
  /** Canvases: where the picture lies, in the canvas's pixels. Default: it fills the canvas. */
  readonly area?:
    | { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
    | undefined;
  /** Picture files: largest number of pixels. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Pictures: gives up; the promise rejects with the signal's reason, and nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** `AnnotateStyle` with its values checked and its defaults in. */
export interface ResolvedStyle {
  readonly lineThickness: number | undefined;
  readonly fontSize: number | undefined;
  readonly hideLabels: boolean;
  readonly hideConf: boolean;
  readonly hideBoxes: boolean;
  readonly maskAlpha: number;
  readonly opacity: number;
  readonly colorOf: (detection: Detection, index: number) => Color;
  readonly labelOf: ((detection: Detection, index: number) => string | undefined) | undefined;
  readonly trails: readonly Trail[];
  readonly area: AnnotateStyle["area"];
}

/** @throws OptionError naming the option and its value. */
export function resolveStyle(style: AnnotateStyle): ResolvedStyle {
  if (typeof style !== "object" || style === null) {
    throw new OptionError(`the style must be an object such as { hideLabels: true }, got ${shown(style)}`);
  }
  const { label, trails = [], area, font, fontFamily } = style;
  if (label !== undefined && typeof label !== "function") {
    throw new OptionError(`label must be a function of a detection that gives a text, got ${shown(label)}`);
  }
  if (!Array.isArray(trails))
    throw new OptionError(`trails must be a list, as Trails.update gives it, got ${shown(trails)}`);
  if (font !== undefined && !(typeof font === "object" && tagOf(font?.glyphs) === "Map")) {
    throw new OptionError(`font must be what openLabelFont gives, got ${shown(font)}`);
  }
  if (fontFamily !== undefined && !(typeof fontFamily === "string" && fontFamily.trim())) {
    throw new OptionError(`fontFamily must be a font family of CSS, such as "sans-serif", got ${shown(fontFamily)}`);
  }
  const { lineThickness, fontSize } = style;
  return {
    lineThickness: lineThickness === undefined ? undefined : pixels(lineThickness, "lineThickness"),
    fontSize: fontSize === undefined ? undefined : pixels(fontSize, "fontSize"),
    hideLabels: flag(style.hideLabels ?? false, "hideLabels"),
    hideConf: flag(style.hideConf ?? false, "hideConf"),
    hideBoxes: flag(style.hideBoxes ?? false, "hideBoxes"),
    maskAlpha: fraction(style.maskAlpha ?? 0.5, "maskAlpha"),
    opacity: fraction(style.opacity ?? 1, "opacity"),
    colorOf: colorRule(style.color ?? "track"),
    labelOf: label,
    trails,
    area: area && checkedArea(area),
  };
}

/** Thicker lines and larger letters than this are no picture any more, and cost as one. */
const MOST_PIXELS = 10_000;

function pixels(value: number, name: string): number {
  if (typeof value !== "number" || !(value >= 1 && value <= MOST_PIXELS)) {
    throw new OptionError(`${name} must be 1 to ${MOST_PIXELS} pixels, got ${shown(value)}`, { value });
  }
  return value;
}

function checkedArea(area: NonNullable<AnnotateStyle["area"]>): NonNullable<AnnotateStyle["area"]> {
  const { x, y, width, height } = area;
  const numbers = [x, y, width, height];
  if (!numbers.every(Number.isFinite) || width <= 0 || height <= 0) {
    throw new OptionError(
      `area must be { x, y, width, height } in pixels, width and height above 0, got ${numbers.map(shown).join(", ")}`,
    );
  }
  return area;
}

function colorRule(color: NonNullable<AnnotateStyle["color"]>): ResolvedStyle["colorOf"] {
  if (color === "track") return (detection) => paletteColor(detection.track ?? detection.class);
  if (color === "class") return (detection) => paletteColor(detection.class);
  if (typeof color !== "function") {
    throw new OptionError(`color must be "class", "track" or a function of a detection, got ${shown(color)}`);
  }
  return (detection, index) => {
    const given = color(detection, index);
    const levels = Array.isArray(given) && given.length === 3 && given.every((level) => level >= 0 && level <= 255);
    if (!levels) throw new OptionError(`color must give [red, green, blue], each 0 to 255, got ${listed(given)}`);
    return given;
  };
}

const listed = (value: unknown): string =>
  Array.isArray(value) ? `[${value.slice(0, 4).map(shown).join(", ")}]` : shown(value);
