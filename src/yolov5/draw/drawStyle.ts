/** How results are drawn: the options of `annotate` and `save`, validated once. */

import { OptionError } from "../../errors.js";
import type { Figure } from "../../image/draw/figures.js";
import type { Font } from "../../image/draw/font.js";
import type { Color } from "../../image/draw/palette.js";
import { paletteColor, type ThemeName, themeOf } from "../../image/draw/theme.js";
import type { Trail } from "../../tracking/index.js";
import { flag, fraction, shown } from "../calls/checks.js";
import { tagOf } from "../input/given.js";
import type { ClassScore } from "../output/classify.js";
import type { Detection, PosedDetection, SegmentedDetection } from "../output/detections.js";

/** What drawing needs from a result; satisfied by results of every task. */
export type DrawnResult = { readonly width: number; readonly height: number; readonly names: readonly string[] } & (
  | {
      readonly task: "detect" | "segment" | "pose";
      readonly detections: readonly (Detection | SegmentedDetection | PosedDetection)[];
    }
  | { readonly task: "classify"; readonly top5: readonly ClassScore[] }
);

/** How results are drawn. */
export interface AnnotateStyle {
  /**
   * Colours, labels and line widths. `classic`: YOLOv5's colours. `light`: white labels and deep colours, for bright pictures.
   * `dark`: black labels and bright colours, for dark pictures. `high-contrast`: wide bright lines between black edges, which
   * are seen on every picture. Default `classic`.
   */
  readonly theme?: ThemeName | undefined;
  /** Line width in pixels of the target. Default: 3/1000 of its mean side, at least 2; half as much again in `high-contrast`. */
  readonly lineThickness?: number | undefined;
  /**
   * Font size of labels in pixels per em. Default: depends on the target's size, or 8 times a given thickness; at
   * least 12.
   */
  readonly fontSize?: number | undefined;
  /** Draw no labels. Default false. */
  readonly hideLabels?: boolean | undefined;
  /** Draw labels without confidences. Default false. */
  readonly hideConf?: boolean | undefined;
  /** Draw no outlines, only masks, labels and trails. Default false. */
  readonly hideBoxes?: boolean | undefined;
  /** Opacity of masks, 0 to 1; 0 draws none. Default 0.5. */
  readonly maskAlpha?: number | undefined;
  /** Overall opacity, 0 to 1. Default 1. */
  readonly opacity?: number | undefined;
  /**
   * Colour by class, by track (by class if there is none), or a function that returns red, green and blue, 0 to 255,
   * for each detection. Default `track`.
   */
  readonly color?: "class" | "track" | ((detection: Detection, index: number) => Color) | undefined;
  /** The label's text, `undefined` for none. Default `#3 person 0.87`. */
  readonly label?: ((detection: Detection, index: number) => string | undefined) | undefined;
  /** Trails of tracked objects (`Trails`), in the colours of their IDs. */
  readonly trails?: readonly Trail[] | undefined;
  /** The unit of speeds in labels, for example `m/s`. Default: none. */
  readonly speedUnit?: string | undefined;
  /** Counting lines and zones to draw: the `figure` of each. */
  readonly figures?: readonly Figure[] | undefined;
  /** Pixels in memory: a font from `openLabelFont`. Default: chosen for the class names. */
  readonly font?: Font | undefined;
  /** Canvases: a CSS font family. Default `sans-serif`. */
  readonly fontFamily?: string | undefined;
  /** Canvases: the picture's area in canvas pixels. Default: it fills the canvas. */
  readonly area?:
    | { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
    | undefined;
  /** Picture files: maximum number of pixels. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Pictures: aborts; the promise rejects with the signal's reason, and nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** `AnnotateStyle` with validated values and defaults filled in. */
export interface ResolvedStyle {
  readonly theme: ThemeName;
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
  readonly speedUnit: string | undefined;
  readonly figures: readonly Figure[];
  readonly area: AnnotateStyle["area"];
}

/** @throws OptionError with the option and its value. */
export function resolveStyle(style: AnnotateStyle): ResolvedStyle {
  if (typeof style !== "object" || style === null) {
    throw new OptionError(`the style must be an object such as { hideLabels: true }, got ${shown(style)}`);
  }
  const { label, trails = [], figures = [], area, font, fontFamily } = style;
  if (label !== undefined && typeof label !== "function") {
    throw new OptionError(`label must be a function that returns a string for a detection, got ${shown(label)}`);
  }
  if (!Array.isArray(trails))
    throw new OptionError(`trails must be a list returned by Trails.update, got ${shown(trails)}`);
  if (!Array.isArray(figures))
    throw new OptionError(`figures must be a list such as [line.figure], got ${shown(figures)}`);
  if (font !== undefined && !(typeof font === "object" && tagOf(font?.glyphs) === "Map")) {
    throw new OptionError(`font must be a font returned by openLabelFont, got ${shown(font)}`);
  }
  if (fontFamily !== undefined && !(typeof fontFamily === "string" && fontFamily.trim())) {
    throw new OptionError(`fontFamily must be a CSS font family such as "sans-serif", got ${shown(fontFamily)}`);
  }
  const { lineThickness, fontSize } = style;
  const { theme = "classic" } = style;
  themeOf(theme);
  return {
    theme,
    lineThickness: lineThickness === undefined ? undefined : pixels(lineThickness, "lineThickness"),
    fontSize: fontSize === undefined ? undefined : pixels(fontSize, "fontSize"),
    hideLabels: flag(style.hideLabels ?? false, "hideLabels"),
    hideConf: flag(style.hideConf ?? false, "hideConf"),
    hideBoxes: flag(style.hideBoxes ?? false, "hideBoxes"),
    maskAlpha: fraction(style.maskAlpha ?? 0.5, "maskAlpha"),
    opacity: fraction(style.opacity ?? 1, "opacity"),
    colorOf: colorRule(style.color ?? "track", theme),
    labelOf: label,
    trails,
    speedUnit: style.speedUnit,
    figures,
    area: area && checkedArea(area),
  };
}

/** Limit for line width and font size: larger values are useless and slow. */
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

function colorRule(color: NonNullable<AnnotateStyle["color"]>, theme: ThemeName): ResolvedStyle["colorOf"] {
  if (color === "track") return (detection) => paletteColor(detection.track ?? detection.class, theme);
  if (color === "class") return (detection) => paletteColor(detection.class, theme);
  if (typeof color !== "function") {
    throw new OptionError(`color must be "class", "track" or a function of a detection, got ${shown(color)}`);
  }
  return (detection, index) => {
    const given = color(detection, index);
    const levels = Array.isArray(given) && given.length === 3 && given.every((level) => level >= 0 && level <= 255);
    if (!levels) throw new OptionError(`color must return [red, green, blue], each 0 to 255, got ${listed(given)}`);
    return given;
  };
}

const listed = (value: unknown): string =>
  Array.isArray(value) ? `[${value.slice(0, 4).map(shown).join(", ")}]` : shown(value);
