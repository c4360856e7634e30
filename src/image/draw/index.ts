/** Drawing on pictures. */

export * from "./annotate.js";
export * from "./canvas.js";
export type { Figure } from "./figures.js";
export {
  canDraw,
  drawableName,
  type Font,
  foreignCharacters,
  type Glyph,
  loadFont,
  textWidth,
} from "./font.js";
export * from "./mask.js";
export * from "./palette.js";
export * from "./surface.js";
export { paletteColor, THEME_NAMES, type ThemeName } from "./theme.js";
