/** Drawing on a picture in memory or a copy of it: rectangles, polygons, lines and text, clipped to the picture. */

import type { RgbImage } from "../types.js";
import { Coverage, clipPolygon } from "./coverage.js";
import { canDraw, type Font, loadFont, renderText, textWidth } from "./font.js";
import type { Color } from "./palette.js";
import type { Surface } from "./surface.js";

export class Canvas implements Surface {
  /** The picture drawn on: the given one, or a copy of it. */
  readonly image: RgbImage;
  private readonly font: Font;

  constructor(image: RgbImage, font: Font = loadFont(), inPlace = false) {
    this.image = inPlace ? image : { width: image.width, height: image.height, data: image.data.slice() };
    this.font = font;
  }

  get width(): number {
    return this.image.width;
  }

  get height(): number {
    return this.image.height;
  }

  /** Fills columns x0 to x1 − 1 and rows y0 to y1 − 1 (rounded); `alpha` 1 covers, 0 leaves. */
  fillRectangle(x0: number, y0: number, x1: number, y1: number, color: Color, alpha = 1): void {
    const { width, height, data } = this.image;
    const left = Math.max(0, Math.round(x0));
    const right = Math.min(width, Math.round(x1));
    const bottom = Math.min(height, Math.round(y1));
    for (let y = Math.max(0, Math.round(y0)); y < bottom; y++) {
      for (let x = left, at = (y * width + left) * 3; x < right; x++, at += 3) {
        blend(data, at, color, alpha);
      }
    }
  }

  fillRectangles(rectangles: ArrayLike<number>, color: Color, alpha = 1): void {
    for (let i = 0; i + 3 < rectangles.length; i += 4) {
      this.fillRectangle(rectangles[i], rectangles[i + 1], rectangles[i + 2], rectangles[i + 3], color, alpha);
    }
  }

  /** Fills the polygon x, y, x, y, … with antialiasing. */
  polygon(points: ArrayLike<number>, color: Color, alpha = 1): void {
    this.fillShapes([points], color, alpha);
  }

  polyline(points: ArrayLike<number>, color: Color, thickness: number, alpha = 1): void {
    const radius = Math.max(thickness, 1) / 2;
    const shapes: ArrayLike<number>[] = [];
    const count = points.length >> 1;
    for (let i = 0; i < count; i++) {
      const x = points[i * 2];
      const y = points[i * 2 + 1];
      shapes.push(disc(x, y, radius));
      if (i + 1 < count) shapes.push(bar(x, y, points[i * 2 + 2], points[i * 2 + 3], radius));
    }
    this.fillShapes(
      shapes.filter((shape) => shape.length > 0),
      color,
      alpha,
    );
  }

  canWrite(text: string): boolean {
    return canDraw(this.font, text);
  }

  textWidth(text: string, size: number): number {
    return textWidth(this.font, text, size);
  }

  text(text: string, x: number, y: number, size: number, color: Color, alpha = 1): void {
    this.fill(renderText(this.font, text, x, y, size), color, alpha);
  }

  private fillShapes(shapes: readonly ArrayLike<number>[], color: Color, alpha: number): void {
    const { width, height } = this.image;
    const clipped = shapes.map((shape) => clipPolygon(shape, 0, 0, width, height)).filter((shape) => shape.length >= 6);
    if (clipped.length === 0) return;
    let left = width;
    let top = height;
    let right = 0;
    let bottom = 0;
    for (const shape of clipped) {
      for (let i = 0; i < shape.length; i += 2) {
        left = Math.min(left, shape[i]);
        right = Math.max(right, shape[i]);
        top = Math.min(top, shape[i + 1]);
        bottom = Math.max(bottom, shape[i + 1]);
      }
    }
    const x = Math.floor(left);
    const y = Math.floor(top);
    const coverage = new Coverage(x, y, Math.ceil(right) - x + 1, Math.ceil(bottom) - y + 1);
    for (const shape of clipped) coverage.polygon(shape);
    this.fill(coverage, color, alpha);
  }

  private fill(coverage: Coverage, color: Color, alpha: number): void {
    const { width, height, data } = this.image;
    const sums = coverage.sums();
    const right = Math.min(coverage.x + coverage.width, width);
    const bottom = Math.min(coverage.y + coverage.height, height);
    for (let y = Math.max(coverage.y, 0); y < bottom; y++) {
      const row = (y - coverage.y) * coverage.width - coverage.x;
      for (let x = Math.max(coverage.x, 0); x < right; x++) {
        const covered = sums[row + x];
        if (covered > 0) blend(data, (y * width + x) * 3, color, covered * alpha);
      }
    }
  }
}

function blend(data: Uint8Array, at: number, color: Color, alpha: number): void {
  for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c] + (color[c] - data[at + c]) * alpha);
}

/** A circle as a polygon, clockwise on screen. */
function disc(x: number, y: number, radius: number): Float64Array {
  const corners = Math.max(8, Math.ceil(radius * 3));
  const points = new Float64Array(corners * 2);
  for (let i = 0; i < corners; i++) {
    const angle = (i / corners) * 2 * Math.PI;
    points[2 * i] = x + radius * Math.cos(angle);
    points[2 * i + 1] = y + radius * Math.sin(angle);
  }
  return points;
}

/** A segment of a thick line, clockwise on screen like `disc`, so that overlaps add up instead of cancelling. */
function bar(x0: number, y0: number, x1: number, y1: number, radius: number): number[] {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!(length > 0)) return [];
  const nx = (-(y1 - y0) / length) * radius;
  const ny = ((x1 - x0) / length) * radius;
  return [x0 - nx, y0 - ny, x1 - nx, y1 - ny, x1 + nx, y1 + ny, x0 + nx, y0 + ny];
}
