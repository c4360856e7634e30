/** Themes: the colours of classes and tracks, and how labels and lines look. */

import { OptionError } from "../../errors.js";
import { BLACK, type Color, WHITE } from "./palette.js";

/** A set of colours, label styles and line widths for drawing. */
export type ThemeName = "classic" | "light" | "dark" | "high-contrast";

export interface Theme {
  /** Colours of classes and tracks. */
  readonly palette: readonly Color[];
  /** Colour of lines and zones that have none of their own. Absent: the fourth of the palette. */
  readonly figure?: Color;
  /** Labels and panels: letters on paper, with the object's colour as a strip. Absent: white letters on the object's colour. */
  readonly label?: { readonly paper: Color; readonly ink: Color };
  /** Colour on both sides of boxes and lines. */
  readonly edge?: Color;
  /** Lines are half as wide again as usual. */
  readonly wide?: true;
}

/** Hexadecimal, one after another: pages load these. */
const colors = (text: string): Color[] =>
  (text.match(/.{6}/g) ?? []).map((hex) => {
    const bits = Number.parseInt(hex, 16);
    return [bits >> 16, (bits >> 8) & 255, bits & 255];
  });

// A call without effects: bundlers leave it out where nothing is drawn.
const THEMES: Readonly<Record<ThemeName, Theme>> = /* @__PURE__ */ (() => ({
  // YOLOv5's twenty.
  classic: {
    palette: colors(
      "ff3838ff9d97ff701fffb21dcfd23148f90a92cc173ddb861a933400d4bb" +
        "2c99a800c2ff3445936473ff0018ec8438ff520085cb38ffff95c8ff37c7",
    ),
    figure: [255, 176, 0],
  },
  // Deep enough to be seen on white.
  light: {
    palette: colors("c2183c0b5cc40a753ea84b007b1fa2006d77b41a7c6b66004a3fc45d4037"),
    label: { paper: WHITE, ink: [24, 24, 24] },
  },
  // Bright enough to be seen on black.
  dark: {
    palette: colors("ff6b6b4dabf769db7cffd43bda77f23bc9dbff922bc0eb75f783ac91a7ff"),
    label: { paper: [24, 24, 24], ink: WHITE },
  },
  // Between black edges these are seen on every ground.
  "high-contrast": {
    palette: colors("ffe60000e5ffff9ed2ffffffffa93a7dff6bc4b0ff2de8b0ffa08ca8d4ff"),
    label: { paper: BLACK, ink: WHITE },
    edge: BLACK,
    wide: true,
  },
}))();

export const THEME_NAMES = /* @__PURE__ */ Object.keys(THEMES) as readonly ThemeName[];

export const figureColor = ({ figure, palette }: Theme): Color => figure ?? palette[3];

/**
 * @param name default `classic`.
 * @throws OptionError unless a theme has this name.
 */
export function themeOf(name: ThemeName = "classic"): Theme {
  if (THEME_NAMES.includes(name)) return THEMES[name];
  throw new OptionError(`theme must be ${THEME_NAMES.join(", ")}, got ${JSON.stringify(name)?.slice(0, 60)}`);
}

/**
 * The colour of a class or track. Indices 20 apart share one, or 10 apart with a theme other than `classic`.
 * @param theme default `classic`, YOLOv5's colours.
 * @throws OptionError if there is no such theme.
 */
export function paletteColor(classIndex: number, theme?: ThemeName): Color {
  const { palette } = themeOf(theme);
  const index = Math.trunc(classIndex) % palette.length;
  return palette[index < 0 ? index + palette.length : index] ?? palette[0];
}
