/** Up to sixteen pictures in one, with their labels or detections: a quick look at a run. */

import {
  type Annotation,
  BLACK,
  Canvas,
  drawAnnotations,
  drawableName,
  loadFont,
  maskRectangles,
  paletteColor,
  type RgbImage,
  resizeArea,
  resizeLinear,
  rleRectangles,
  WHITE,
} from "../../image/index.js";
import { processMask, prototypesOf } from "../../yolov5/output/masks/masks.js";
import type { BinaryMask } from "../../yolov5/output/masks/rle.js";
import type { GroundTruth } from "../dataset/types.js";
import type { PictureOutcome } from "../evaluate.js";
import { fillPolygon } from "../fillPolygon.js";

/** Pictures per mosaic. */
export const MOSAIC_PICTURES = 16;
/** Side of a tile, in pixels. */
const TILE = 400;
const GREY = 114;
/** Weaker boxes are not drawn. */
const SHOWN = 0.25;

/** A picture scaled to its tile, and the scale. */
interface Scaled {
  readonly image: RgbImage;
  readonly gain: number;
}

/** One tile with labels, one with detections. */
export interface MosaicTiles {
  readonly labels: RgbImage;
  readonly predictions: RgbImage;
}

export function mosaicTiles(outcome: PictureOutcome, names: readonly string[]): MosaicTiles {
  const scaled = scaleToTile(outcome.image);
  const font = loadFont();
  // Class numbers in place of names that the font cannot draw.
  const shown = names.map((name, i) => drawableName(font, name, i));
  const drawn = (annotations: readonly Annotation[]): RgbImage => {
    const canvas = new Canvas(scaled.image, font);
    drawAnnotations(canvas, annotations);
    return canvas.image;
  };
  return {
    labels: drawn(labelAnnotations(outcome, shown, scaled)),
    predictions: drawn(predictionAnnotations(outcome, shown, scaled)),
  };
}

/** Tiles in a square grid, with file names in their corners. */
export function composeMosaic(tiles: readonly { readonly image: RgbImage; readonly name: string }[]): RgbImage {
  const columns = Math.max(1, Math.ceil(Math.sqrt(tiles.length)));
  const rows = Math.max(1, Math.ceil(tiles.length / columns));
  const width = columns * TILE;
  const canvas = new Canvas({ width, height: rows * TILE, data: new Uint8Array(width * rows * TILE * 3).fill(GREY) });
  for (const [i, { image, name }] of tiles.entries()) {
    const left = (i % columns) * TILE;
    const top = Math.floor(i / columns) * TILE;
    const x = left + Math.floor((TILE - image.width) / 2);
    const y = top + Math.floor((TILE - image.height) / 2);
    for (let row = 0; row < image.height; row++) {
      const from = row * image.width * 3;
      canvas.image.data.set(image.data.subarray(from, from + image.width * 3), ((y + row) * width + x) * 3);
    }
    const text = shorten(name);
    canvas.fillRectangle(
      left,
      top + TILE - 18,
      left + Math.ceil(canvas.textWidth(text, 12)) + 12,
      top + TILE,
      BLACK,
      0.6,
    );
    canvas.text(text, left + 6, top + TILE - 5, 12, WHITE);
  }
  for (let i = 1; i < columns; i++) canvas.fillRectangle(i * TILE - 1, 0, i * TILE + 1, rows * TILE, WHITE);
  for (let i = 1; i < rows; i++) canvas.fillRectangle(0, i * TILE - 1, width, i * TILE + 1, WHITE);
  return canvas.image;
}

function shorten(name: string): string {
  return name.length > 50 ? `${name.slice(0, 30)}…${name.slice(-19)}` : name;
}

function scaleToTile(image: RgbImage): Scaled {
  const gain = Math.min(TILE / image.width, TILE / image.height);
  const width = Math.max(1, Math.round(image.width * gain));
  const height = Math.max(1, Math.round(image.height * gain));
  return { image: gain < 1 ? resizeArea(image, width, height) : resizeLinear(image, width, height), gain };
}

function labelAnnotations(outcome: PictureOutcome, names: readonly string[], scaled: Scaled): Annotation[] {
  const segmented = outcome.prototypes !== undefined;
  return Array.from(outcome.labelClasses, (c, i) => ({
    xyxy: boxAt(outcome.labelBoxes, i, scaled.gain),
    color: paletteColor(c),
    label: names[c] ?? `class${c}`,
    ...(segmented ? { mask: labelMask(outcome.sample.truth, i, scaled.image) } : {}),
  }));
}

function predictionAnnotations(outcome: PictureOutcome, names: readonly string[], scaled: Scaled): Annotation[] {
  const { detections } = outcome;
  const annotations: Annotation[] = [];
  for (const [i, c] of detections.classes.entries()) {
    if (!(detections.confidences[i] > SHOWN)) continue;
    const mask = predictedMask(outcome, i);
    annotations.push({
      xyxy: boxAt(detections.boxes, i, scaled.gain),
      color: paletteColor(c),
      label: `${names[c] ?? `class${c}`} ${detections.confidences[i].toFixed(2)}`,
      ...(mask ? { mask: scaleMask(mask, outcome, scaled) } : {}),
    });
  }
  return annotations;
}

function boxAt(boxes: Float32Array, i: number, gain: number): [number, number, number, number] {
  const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
  return [x1 * gain, y1 * gain, x2 * gain, y2 * gain];
}

function labelMask(truth: GroundTruth, i: number, { width, height }: RgbImage): number[] {
  const mask = truth.masks?.[i];
  if (mask) {
    return rleRectangles(mask).map((edge, k) =>
      k % 2 === 0 ? (edge / mask.size[1]) * width : (edge / mask.size[0]) * height,
    );
  }
  const data = new Uint8Array(width * height);
  for (const part of truth.polygons[i]) {
    fillPolygon(
      { width, height, data },
      Int32Array.from(part, (v, i) => Math.trunc(v * (i % 2 === 0 ? width : height))),
    );
  }
  return maskRectangles({ x0: 0, y0: 0, x1: width, y1: height, data });
}

/** In pixels of the network's input. */
function predictedMask({ prototypes, candidates, placement }: PictureOutcome, i: number): BinaryMask | undefined {
  const { x1, y1, x2, y2, coefficients } = candidates[i];
  if (!prototypes || !coefficients) return undefined;
  return processMask(prototypesOf(prototypes), coefficients, [x1, y1, x2, y2], placement.input);
}

/** Maps input pixels to the nearest tile pixels. */
function scaleMask(mask: BinaryMask, { placement }: PictureOutcome, { image, gain }: Scaled): number[] {
  const { width, height } = image;
  const { scaleBack } = placement;
  const data = new Uint8Array(width * height);
  const columns = mask.x1 - mask.x0;
  for (let y = 0, to = 0; y < height; y++) {
    const fromY = Math.floor(((y + 0.5) / gain) * scaleBack.gain + scaleBack.padY);
    for (let x = 0; x < width; x++, to++) {
      const fromX = Math.floor(((x + 0.5) / gain) * scaleBack.gain + scaleBack.padX);
      if (fromX < mask.x0 || fromX >= mask.x1 || fromY < mask.y0 || fromY >= mask.y1) continue;
      data[to] = mask.data[(fromY - mask.y0) * columns + fromX - mask.x0];
    }
  }
  return maskRectangles({ x0: 0, y0: 0, x1: width, y1: height, data });
}
