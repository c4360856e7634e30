/**
 * A JPEG decoder in plain TypeScript that gives libjpeg-turbo's very bytes: baseline, extended and progressive Huffman
 * files, grey, YCbCr, RGB, CMYK and YCCK, any sampling, restart markers, damaged and truncated data. Slower than the
 * WebAssembly one; used for what that one refuses and where WebAssembly is not allowed.
 */

import type { RgbImage } from "../types.js";
import { type ColorModel, colorModel, rowToRgb } from "./color.js";
import { type Component, damaged, type Frame, JpegFile } from "./frame.js";
import { inverseDct } from "./idct.js";
import { decodeScan } from "./scan.js";
import { blockSmoother, type SmoothingContext, smoothingHelps } from "./smoothing.js";
import { type Plane, rowUpsampler } from "./upsample.js";

/** More scans than any encoder writes; each costs a pass over the picture. */
const MAX_SCANS = 1000;

interface Coefficients extends SmoothingContext {
  readonly frame: Frame;
}

function readCoefficients(file: JpegFile): Coefficients {
  let lastGoodRow = 0;
  for (let scans = 0; ; scans++) {
    const scan = file.nextScan();
    const { frame } = file;
    if (!frame || (!scan && scans === 0)) return damaged("it has no picture data (truncated?)");
    if (!scan) return { frame, scans, lastGoodRow };
    if (scans >= MAX_SCANS) damaged(`it has more than ${MAX_SCANS} scans`);
    lastGoodRow = decodeScan(frame, scan, file.reader, scans === 0);
    // A sequential file with all components in one scan is complete: libjpeg looks no further.
    if (!frame.progressive && scan.components.length === frame.components.length) {
      return { frame, scans: scans + 1, lastGoodRow };
    }
  }
}

function reconstruct(from: Coefficients, component: Component, smooth: boolean): Plane {
  const { frame } = from;
  const stride = component.blockStride * 8;
  const rows = component.blocksPerColumn;
  const data = new Uint8Array(stride * rows * 8);
  const workspace = new Int32Array(64);
  // A component that no scan brought is flat grey.
  const quantization = component.quantization ?? new Uint16Array(64);
  const smoothed = smooth ? blockSmoother(frame, component, from) : undefined;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < component.blocksPerRow; column++) {
      const at = (row * component.blockStride + column) * 64;
      const start = row * 8 * stride + column * 8;
      if (smoothed) inverseDct(smoothed(row, column), 0, quantization, workspace, data, start, stride);
      else inverseDct(component.coefficients, at, quantization, workspace, data, start, stride);
    }
  }
  return {
    width: Math.ceil((frame.width * component.h) / frame.maxH),
    height: Math.ceil((frame.height * component.v) / frame.maxV),
    stride,
    data,
  };
}

function toRgb(from: Coefficients, model: ColorModel): RgbImage {
  const { frame } = from;
  const smooth = smoothingHelps(frame);
  const { width, height, maxH, maxV } = frame;
  const upsamplers = frame.components.map((component) =>
    rowUpsampler(reconstruct(from, component, smooth), component.h, component.v, maxH, maxV),
  );
  const rows = upsamplers.map(() => new Uint8Array(width + 2 * maxH + 8));
  const data = new Uint8Array(width * height * 3);
  const clamped = new Uint8ClampedArray(data.buffer);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < rows.length; i++) upsamplers[i](y, rows[i]);
    rowToRgb(model, rows, width, clamped, y * width * 3);
  }
  return { width, height, data };
}

/**
 * Decodes a JPEG as stored (not turned).
 * @throws JpegDamage with the reason where libjpeg gives up.
 */
export function decodePlain(bytes: Uint8Array): RgbImage {
  const file = new JpegFile(bytes);
  const coefficients = readCoefficients(file);
  const ids = coefficients.frame.components.map(({ id }) => id);
  const model = colorModel(ids, file.sawJfif, file.adobeTransform);
  if (!model) return damaged(`it has ${ids.length} components, which stand for no colours`);
  return toRgb(coefficients, model);
}
