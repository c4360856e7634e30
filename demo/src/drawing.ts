/** Draws a result on a 2-D context whose units are device pixels: masks, boxes, labels. */

import { type Detection, paletteColor, type Result, type Trail } from "yolov5-ts";

export interface DrawOptions {
  /** Device pixels per pixel of the picture, across and down. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** Device pixels per CSS pixel: lines and letters keep their size on every screen. */
  readonly density: number;
  /** Index of the detection to stress. */
  readonly highlight?: number | undefined;
  /** The ways of tracked objects, in the picture's pixels. */
  readonly trails?: readonly Trail[] | undefined;
}

const MASK_ALPHA = 120;

export function cssColor(index: number): string {
  return `rgb(${paletteColor(index).join(" ")})`;
}

/** Index of its colour: of its track where it has one, else of its class. */
export function colorIndex({ track, class: index }: Pick<Detection, "track" | "class">): number {
  return track ?? index;
}

/** `person #3` */
export function titleOf({ name, track }: Pick<Detection, "name" | "track">): string {
  return track === undefined ? name : `${name} #${track}`;
}

/** Black or white, whichever is read more easily on the class's colour. */
function textColor(index: number): string {
  const [r, g, b] = paletteColor(index).map((level) => (level / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.3 ? "#000" : "#fff";
}

/** All masks of a result as one picture; the surest detection on top. */
export function maskLayer(result: Result): OffscreenCanvas | undefined {
  if (result.task !== "segment" || result.detections.length === 0) return undefined;
  const { width, height } = result;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const detection of result.detections.toReversed()) {
    const [r, g, b] = paletteColor(colorIndex(detection));
    const color = ((MASK_ALPHA << 24) | (b << 16) | (g << 8) | r) >>> 0;
    const bitmap = detection.bitmap();
    // Masks end at their boxes.
    const [left, right] = [Math.max(0, Math.floor(detection.xmin)), Math.min(width, Math.ceil(detection.xmax) + 1)];
    const bottom = Math.min(height, Math.ceil(detection.ymax) + 1);
    for (let y = Math.max(0, Math.floor(detection.ymin)); y < bottom; y++) {
      for (let i = y * width + left; i < y * width + right; i++) if (bitmap[i]) pixels[i] = color;
    }
  }
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d")?.putImageData(image, 0, 0);
  return layer;
}

export function drawResult(
  context: CanvasRenderingContext2D,
  result: Result,
  masks: OffscreenCanvas | undefined,
  options: DrawOptions,
): void {
  const { scaleX, scaleY, density, highlight } = options;
  if (result.task === "classify") {
    drawClasses(context, result.top5, density);
    return;
  }
  if (masks) context.drawImage(masks, 0, 0, result.width * scaleX, result.height * scaleY);
  // On a phone's width labels would hide what they name.
  const points = Math.min(12.5, Math.max(9, (result.width * scaleX) / density / 42));
  const size = Math.round(points * density);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  drawTrails(context, options, 0.24 * size);
  const order = result.detections.map((detection, index) => ({ detection, index })).toReversed();
  // The stressed one last, so that nothing covers it.
  order.sort((a, b) => Number(a.index === highlight) - Number(b.index === highlight));
  for (const { detection, index } of order) {
    const stressed = index === highlight;
    context.globalAlpha = highlight === undefined || stressed ? 1 : 0.25;
    const [x, y] = [detection.xmin * scaleX, detection.ymin * scaleY];
    const [w, h] = [(detection.xmax - detection.xmin) * scaleX, (detection.ymax - detection.ymin) * scaleY];
    context.strokeStyle = cssColor(colorIndex(detection));
    context.lineWidth = (stressed ? 0.32 : 0.2) * size;
    context.strokeRect(x, y, w, h);
    const text = `${titleOf(detection)} ${detection.confidence.toFixed(2)}`;
    const pad = 0.4 * size;
    const high = size + 0.55 * size;
    const wide = context.measureText(text).width + 2 * pad;
    const half = context.lineWidth / 2;
    // Above the box; within it where the picture ends; never beyond its right edge.
    const left = Math.max(0, Math.min(x - half, result.width * scaleX - wide));
    const top = y - high < 0 ? y : y - high;
    context.fillStyle = cssColor(colorIndex(detection));
    context.beginPath();
    context.roundRect(left, top, wide, high, 4 * density);
    context.fill();
    context.fillStyle = textColor(colorIndex(detection));
    context.fillText(text, left + pad, top + high / 2 + density * 0.5);
  }
  context.globalAlpha = 1;
}

function drawTrails(context: CanvasRenderingContext2D, options: DrawOptions, lineWidth: number): void {
  const { scaleX, scaleY, trails = [] } = options;
  context.lineWidth = lineWidth;
  context.lineCap = "round";
  for (const { id, points } of trails) {
    context.strokeStyle = cssColor(id);
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) context.lineTo(points[i] * scaleX, points[i + 1] * scaleY);
    context.stroke();
  }
}

function drawClasses(
  context: CanvasRenderingContext2D,
  top: readonly { readonly name: string; readonly confidence: number }[],
  density: number,
): void {
  const size = 15 * density;
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const lines = top.map(({ name, confidence }) => `${confidence.toFixed(2)}  ${name}`);
  const wide = Math.max(0, ...lines.map((line) => context.measureText(line).width)) + 22 * density;
  context.fillStyle = "rgb(0 0 0 / 62%)";
  context.beginPath();
  context.roundRect(10 * density, 10 * density, wide, lines.length * size * 1.5 + 12 * density, 8 * density);
  context.fill();
  context.fillStyle = "#fff";
  lines.forEach((line, i) => {
    context.fillText(line, 21 * density, 16 * density + size * (1.5 * i + 0.75));
  });
}
