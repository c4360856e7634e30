/** Where objects have been: a grid of warmth, as colours over a picture. */

import { OptionError } from "../../errors.js";
import type { RgbImage } from "../../image/types.js";
import { heatColor } from "./heatColors.js";
import { type Anchor, anchorOf, type FrameTime, type TrackedBox } from "./tracked.js";

/** Options of `Heatmap`. */
export interface HeatmapOptions {
  /** Size of the pictures, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The point of a box that warms. Default `feet`. */
  readonly anchor?: Anchor | undefined;
  /** Radius that a point warms, in pixels. Default: 3 % of the longer side. */
  readonly radius?: number | undefined;
  /** Seconds after which half of the warmth is left. Default: it stays. */
  readonly halfLife?: number | undefined;
}

/** Cells on the longer side. */
const CELLS = 240;
/** Warmth ends at this many radii. */
const REACH = 3;
/** Nothing is drawn below this fraction of the warmest cell. */
const FAINT = 0.05;

/** Collects where objects are, tracked or not. */
export class Heatmap {
  readonly width: number;
  readonly height: number;
  private readonly columns: number;
  private readonly rows: number;
  /** Pixels of a cell's side. */
  private readonly cell: number;
  private readonly anchor: Anchor;
  private readonly radius: number;
  private readonly halfLife: number;
  private readonly warmth: Float32Array;
  /** The cells beside each column and row of pixels. */
  private readonly across: Neighbours;
  private readonly down: Neighbours;
  private readonly color = new Float64Array(3);
  private last: number | undefined;

  /** @throws OptionError for sizes, a radius or a half-life that are not above 0. */
  constructor({ width, height, anchor = "feet", radius, halfLife = Number.POSITIVE_INFINITY }: HeatmapOptions) {
    const longer = Math.max(width, height);
    const spread = radius ?? longer * 0.03;
    if (!(width >= 1 && height >= 1 && spread > 0 && halfLife > 0)) {
      throw new OptionError(
        `heatmap: width, height, radius and halfLife must be above 0, got ${width}×${height}, ${spread}, ${halfLife}`,
      );
    }
    this.width = width;
    this.height = height;
    this.cell = Math.max(longer / CELLS, 1);
    this.columns = Math.ceil(width / this.cell);
    this.rows = Math.ceil(height / this.cell);
    this.anchor = anchor;
    this.radius = spread;
    this.halfLife = halfLife;
    this.warmth = new Float32Array(this.columns * this.rows);
    this.across = neighbours(width, this.columns, this.cell);
    this.down = neighbours(height, this.rows, this.cell);
  }

  /** Adds the boxes of the next frame, each of which warms its position. */
  update(boxes: readonly TrackedBox[], { time }: FrameTime = {}): void {
    this.cool(time);
    for (const box of boxes) {
      const [x, y] = anchorOf(box, this.anchor);
      if (Number.isFinite(x + y)) this.warm(x / this.cell, y / this.cell);
    }
  }

  /** Warmth of every cell relative to the warmest, 0 to 1, row by row. */
  get levels(): { readonly columns: number; readonly rows: number; readonly data: Float32Array } {
    const most = this.warmth.reduce((a, b) => Math.max(a, b), 0);
    const { columns, rows } = this;
    return { columns, rows, data: this.warmth.map((value) => (most > 0 ? value / most : 0)) };
  }

  /**
   * Colours a picture of this size: warm places are coloured, cold ones stay as they are.
   * @param options `alpha`: opacity of the warmest, 0 to 1, default 0.6; `inPlace`: change the given pixels. Default false.
   * @throws OptionError for a picture of another size.
   */
  overlay(
    image: RgbImage,
    { alpha = 0.6, inPlace = false }: { readonly alpha?: number; readonly inPlace?: boolean } = {},
  ): RgbImage {
    const { width, height } = this;
    if (image.width !== width || image.height !== height) {
      throw new OptionError(
        `heatmap: is for pictures of ${width}×${height} pixels, got ${image.width}×${image.height}; make one for each size`,
      );
    }
    const data = inPlace ? image.data : image.data.slice();
    const { columns, data: levels } = this.levels;
    const { across, down, color } = this;
    for (let y = 0; y < height; y++) {
      const [top, bottom, fy] = [down.low[y] * columns, down.high[y] * columns, down.weight[y]];
      for (let x = 0, at = y * width * 3; x < width; x++, at += 3) {
        const left = across.low[x];
        const right = across.high[x];
        const fx = across.weight[x];
        const upper = levels[top + left] * (1 - fx) + levels[top + right] * fx;
        const lower = levels[bottom + left] * (1 - fx) + levels[bottom + right] * fx;
        const level = upper * (1 - fy) + lower * fy;
        if (level < FAINT) continue;
        heatColor(level, color);
        const opacity = alpha * Math.min(1, 0.35 + level);
        data[at] += (color[0] - data[at]) * opacity;
        data[at + 1] += (color[1] - data[at + 1]) * opacity;
        data[at + 2] += (color[2] - data[at + 2]) * opacity;
      }
    }
    return { width, height, data };
  }

  /** The map alone, on black. */
  image(): RgbImage {
    const { width, height } = this;
    const black = { width, height, data: new Uint8Array(width * height * 3) };
    return this.overlay(black, { alpha: 1, inPlace: true });
  }

  /** Forgets everything, for another video. */
  reset(): void {
    this.warmth.fill(0);
    this.last = undefined;
  }

  private cool(time: number | undefined): void {
    if (time === undefined || !Number.isFinite(this.halfLife)) return;
    const passed = Math.max(time - (this.last ?? time), 0);
    this.last = time;
    const left = 0.5 ** (passed / this.halfLife);
    if (left < 1) for (let i = 0; i < this.warmth.length; i++) this.warmth[i] *= left;
  }

  /** A Gaussian around a position, in cells. */
  private warm(x: number, y: number): void {
    const sigma = this.radius / this.cell / 1.5;
    const reach = Math.ceil(sigma * REACH);
    const [column, row] = [Math.floor(x), Math.floor(y)];
    for (let r = Math.max(row - reach, 0); r <= Math.min(row + reach, this.rows - 1); r++) {
      for (let c = Math.max(column - reach, 0); c <= Math.min(column + reach, this.columns - 1); c++) {
        const far = (c + 0.5 - x) ** 2 + (r + 0.5 - y) ** 2;
        this.warmth[r * this.columns + c] += Math.exp(-far / (2 * sigma * sigma));
      }
    }
  }
}

type Neighbours = ReturnType<typeof neighbours>;

/** The two cells between whose centres each pixel lies. */
function neighbours(pixels: number, cells: number, cell: number) {
  const low = new Int32Array(pixels);
  const high = new Int32Array(pixels);
  const weight = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const at = Math.max((i + 0.5) / cell - 0.5, 0);
    low[i] = Math.min(Math.floor(at), cells - 1);
    high[i] = Math.min(low[i] + 1, cells - 1);
    weight[i] = at - Math.floor(at);
  }
  return { low, high, weight };
}
