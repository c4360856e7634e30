/** `annotate` in a page or worker, wherever the decoders come from. */

import { type AnnotatePicture, type AnnotateTarget, annotateWith, drawOnTarget } from "../api/annotate.js";
import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import type { RgbImage } from "../image/types.js";
import type { AnnotateStyle } from "../yolov5/draw/drawStyle.js";
import { rawToRgb } from "../yolov5/input/pictures.js";
import type { Result } from "../yolov5/model.js";
import type { Parts } from "./parts.js";
import { readPictureSource } from "./pictureSource.js";

/** `annotate` with these parts. */
export function annotateInPage(
  parts: Pick<Parts, "decoders">,
  target: AnnotateTarget | AnnotatePicture,
  result: Result,
  style: AnnotateStyle = {},
): Promise<RgbImage> | undefined {
  return annotateWith((...drawn) => drawOnPicture(parts, ...drawn), target, result, style);
}

async function drawOnPicture(
  parts: Pick<Parts, "decoders">,
  source: PictureSource,
  result: Result,
  style: AnnotateStyle,
): Promise<RgbImage> {
  const { image } = await readPictureSource(source, false, {
    maxPixels: style.maxPixels,
    signal: style.signal,
    decode: async (bytes, options) => (await parts.decoders()).decodeImage(bytes, options),
  });
  const context = contextWith(image);
  drawOnTarget(context, result, { ...style, area: undefined });
  return rawToRgb(context.getImageData(0, 0, image.width, image.height));
}

function contextWith({ width, height, data }: RgbImage): OffscreenCanvasRenderingContext2D {
  const pixels = new ImageData(width, height);
  const rgba = pixels.data.fill(255);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError("this browser has no 2-D canvas to draw with");
  context.putImageData(pixels, 0, 0);
  return context;
}
