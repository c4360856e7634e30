/** Drawing on a picture or a copy of it: rectangles, polygons, lines, masks, text and labels, clipped to the picture. */

import type { RgbImage } from "../types.js";
import { Coverage, clipPolygon } from "./coverage.js";
import { type Font, loadFont, renderText, textWidth } from "./font.js";
import { BLACK, type Color, luminance, WHITE } from "./palette.js";

/** A binary mask that stores only a rectangle of the picture, outside of which it is 0. */
export interface MaskWindow {
  /** Columns x0 to x1 − 1 and rows y0 to y1 − 1. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  /** Row-major 0/1, (x1 − x0) × (y1 − y0). */
  readonly data: Uint8Array;
}

export interface LabelOptions {
  /** Fill of the box behind the text. */
  readonly color: Color;
  /** Pixels an em. */
  readonly size: number;
  readonly textColor?: Color;
}

/** Backgrounds brighter than this get a dark rim around white letters. */
const BRIGHT = 0.3;

export class Canvas {
  /** The picture drawn on: the one given, or a copy of it. */
  readonly image: RgbImage;
  private readonly font: Font;

  constructor(image: RgbImage, font: Font = loadFont(), inPlace = false) {
    this.image = inPlace ? image : { width: image.width, height: image.height, data: image.data.slice() };
    this.font = font;
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

  /** An outline of `thickness` pixels, centred on the rectangle's border as OpenCV draws it. */
  rectangle(x0: number, y0: number, x1: number, y1: number, color: Color, thickness: number): void {
    const t = Math.max(1, Math.round(thickness));
    const before = Math.floor(t / 2);
    const [left, top] = [Math.round(x0) - before, Math.round(y0) - before];
    const [right, bottom] = [Math.round(x1) - before, Math.round(y1) - before];
    this.fillRectangle(left, top, right + t, top + t, color);
    this.fillRectangle(left, bottom, right + t, bottom + t, color);
    this.fillRectangle(left, top + t, left + t, bottom, color);
    this.fillRectangle(right, top + t, right + t, bottom, color);
  }

  /** Fills the polygon x, y, x, y, … smoothly. */
  polygon(points: ArrayLike<number>, color: Color, alpha = 1): void {
    this.fillShapes([points], color, alpha);
  }

  /** A smooth line through x, y, x, y, …, with round ends and corners; `closed` joins the ends. */
  polyline(points: ArrayLike<number>, color: Color, thickness: number, closed = false): void {
    const radius = Math.max(thickness, 1) / 2;
    const shapes: number[][] = [];
    const count = points.length >> 1;
    for (let i = 0; i < count; i++) {
      const [x, y] = [points[i * 2], points[i * 2 + 1]];
      shapes.push(disc(x, y, radius));
      const j = i + 1 < count ? i + 1 : closed ? 0 : i;
      if (j !== i) shapes.push(bar(x, y, points[j * 2], points[j * 2 + 1], radius));
    }
    this.fillShapes(
      shapes.filter((shape) => shape.length > 0),
      color,
      1,
    );
  }

  /** Tints the mask's pixels; `detect.py` uses half. */
  mask(mask: MaskWindow, color: Color, alpha = 0.5): void {
    const { width, height, data } = this.image;
    const maskWidth = mask.x1 - mask.x0;
    const right = Math.min(mask.x1, width);
    const bottom = Math.min(mask.y1, height);
    for (let y = Math.max(mask.y0, 0); y < bottom; y++) {
      const row = (y - mask.y0) * maskWidth - mask.x0;
      for (let x = Math.max(mask.x0, 0); x < right; x++) {
        if (mask.data[row + x]) blend(data, (y * width + x) * 3, color, alpha);
      }
    }
  }

  /** Width in pixels of a line of text at `size` pixels an em. */
  textWidth(text: string, size: number): number {
    return textWidth(this.font, text, size);
  }

  /** A line of text, its base line beginning at (x, y), at `size` pixels an em. */
  text(text: string, x: number, y: number, size: number, color: Color): void {
    this.fill(renderText(this.font, text, x, y, size), color, 1);
  }

  /** As `text`, with a dark rim, so that it can be read on anything. */
  outlinedText(text: string, x: number, y: number, size: number, color: Color, rim = 0.35): void {
    const shift = Math.max(1, size / 20);
    for (const [dx, dy] of [
      [-shift, 0],
      [shift, 0],
      [0, -shift],
      [0, shift],
    ]) {
      this.fill(renderText(this.font, text, x + dx, y + dy, size), BLACK, rim);
    }
    this.text(text, x, y, size, color);
  }

  /**
   * Text in a filled box that stands on (x, y), the upper left corner of what it names. It goes below that corner where
   * it would leave the picture at the top, moves left where it would leave at the right, and is set smaller where it is
   * wider than the picture.
   */
  label(text: string, x: number, y: number, options: LabelOptions): void {
    const { color, textColor = WHITE } = options;
    const full = this.textWidth(text, options.size) + options.size * 0.4;
    const size = Math.max(8, options.size * Math.min(1, this.image.width / full));
    const padding = Math.round(size * 0.2);
    const width = Math.ceil(this.textWidth(text, size)) + 2 * padding;
    const height = Math.round(size * 1.25);
    const left = Math.max(0, Math.min(Math.round(x), this.image.width - width));
    const above = Math.round(y) - height;
    const top = above >= 0 ? above : Math.max(0, Math.round(y));
    this.fillRectangle(left, top, left + width, top + height, color);
    const baseline = top + Math.round(height / 2 + size * 0.35);
    const bright = textColor === WHITE && luminance(color) > BRIGHT;
    if (bright) this.outlinedText(text, left + padding, baseline, size, textColor);
    else this.text(text, left + padding, baseline, size, textColor);
  }

  private fillShapes(shapes: readonly ArrayLike<number>[], color: Color, alpha: number): void {
    const { width, height } = this.image;
    const clipped = shapes.map((shape) => clipPolygon(shape, 0, 0, width, height)).filter((shape) => shape.length >= 6);
    if (clipped.length === 0) return;
    let [left, top, right, bottom] = [width, height, 0, 0];
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

/** A circle as a polygon, clockwise on the screen. */
function disc(x: number, y: number, radius: number): number[] {
  const corners = Math.max(8, Math.ceil(radius * 3));
  return Array.from({ length: corners * 2 }, (_, i) => {
    const angle = ((i >> 1) / corners) * 2 * Math.PI;
    return i % 2 === 0 ? x + radius * Math.cos(angle) : y + radius * Math.sin(angle);
  });
}

/** A segment of a thick line, clockwise on the screen as `disc` is, so that overlaps add up instead of cancelling. */
function bar(x0: number, y0: number, x1: number, y1: number, radius: number): number[] {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!(length > 0)) return [];
  const nx = (-(y1 - y0) / length) * radius;
  const ny = ((x1 - x0) / length) * radius;
  return [x0 - nx, y0 - ny, x1 - nx, y1 - ny, x1 + nx, y1 + ny, x0 + nx, y0 + ny];
}
