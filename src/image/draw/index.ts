/** Drawing on pictures. */

export * from "./annotate.js";
export * from "./canvas.js";
export { type Font, loadFont, textWidth } from "./font.js";
export * from "./palette.js";
