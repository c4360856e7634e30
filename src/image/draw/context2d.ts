/** Draws on a page's 2-D context with the page's fonts, using only features that every canvas has. */

import type { Color } from "./palette.js";
import type { Surface } from "./surface.js";
import { plainLine } from "./visibleText.js";

/** The part of a `CanvasRenderingContext2D` or `OffscreenCanvasRenderingContext2D`. */
export interface Context2dLike {
  readonly canvas: { readonly width: number; readonly height: number };
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  lineCap: string;
  lineJoin: string;
  globalAlpha: number;
  globalCompositeOperation: string;
  shadowColor: string;
  font: string;
  textAlign: string;
  textBaseline: string;
  save(): void;
  restore(): void;
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void;
  setLineDash(segments: number[]): void;
  beginPath(): void;
  rect(x: number, y: number, width: number, height: number): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  fill(): void;
  stroke(): void;
  fillText(text: string, x: number, y: number): void;
  measureText(text: string): { readonly width: number };
}

const cssColor = (color: Color): string => `rgb(${color.join(", ")})`;

/**
 * Calls `draw` with the context's pixels as a surface. The page's transformation, shadow, dashes, alpha and
 * compositing are ignored and restored afterwards; its clip applies.
 * @param fontFamily as in CSS.
 */
export function drawOnContext(context: Context2dLike, fontFamily: string, draw: (surface: Surface) => void): void {
  context.save();
  try {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.shadowColor = "transparent";
    context.setLineDash([]);
    context.lineCap = "round";
    context.lineJoin = "round";
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    // Newer properties, set only if the context has them.
    const newer = { direction: "ltr", filter: "none", letterSpacing: "0px", wordSpacing: "0px" };
    for (const [name, value] of Object.entries(newer)) if (name in context) Object.assign(context, { [name]: value });
    draw(new ContextSurface(context, fontFamily));
  } finally {
    context.restore();
  }
}

class ContextSurface implements Surface {
  readonly width: number;
  readonly height: number;

  constructor(
    private readonly context: Context2dLike,
    private readonly fontFamily: string,
  ) {
    this.width = context.canvas.width;
    this.height = context.canvas.height;
  }

  /** One path, so that a mask of thousands of runs is one call. */
  fillRectangles(rectangles: ArrayLike<number>, color: Color, alpha = 1): void {
    const { context } = this;
    context.beginPath();
    for (let i = 0; i + 3 < rectangles.length; i += 4) {
      const [x0, y0] = [Math.round(rectangles[i]), Math.round(rectangles[i + 1])];
      const [width, height] = [Math.round(rectangles[i + 2]) - x0, Math.round(rectangles[i + 3]) - y0];
      if (width > 0 && height > 0) context.rect(x0, y0, width, height);
    }
    this.fillWith(color, alpha);
    context.fill();
  }

  polyline(points: ArrayLike<number>, color: Color, thickness: number, alpha = 1): void {
    const { context } = this;
    context.beginPath();
    context.moveTo(points[0], points[1]);
    for (let i = 2; i + 1 < points.length; i += 2) context.lineTo(points[i], points[i + 1]);
    context.globalAlpha = alpha;
    context.strokeStyle = cssColor(color);
    context.lineWidth = Math.max(thickness, 1);
    context.stroke();
  }

  /** The page's fonts have a glyph for everything. */
  canWrite(): boolean {
    return true;
  }

  textWidth(text: string, size: number): number {
    this.setFont(size);
    return this.context.measureText(plainLine(text)).width;
  }

  text(text: string, x: number, y: number, size: number, color: Color, alpha = 1): void {
    this.setFont(size);
    this.fillWith(color, alpha);
    this.context.fillText(plainLine(text), x, y);
  }

  private setFont(size: number): void {
    this.context.font = `${size}px ${this.fontFamily}`;
  }

  private fillWith(color: Color, alpha: number): void {
    this.context.globalAlpha = alpha;
    this.context.fillStyle = cssColor(color);
  }
}
