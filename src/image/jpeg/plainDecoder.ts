/**
 * A JPEG decoder in plain TypeScript that produces exactly libjpeg-turbo's bytes: baseline, extended and progressive
 * Huffman files, grey, YCbCr, RGB, CMYK and YCCK, any sampling, restart markers, damaged and truncated data. Slower
 * than the WebAssembly decoder; used for files that it refuses and where WebAssembly is not allowed.
 */

import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";
import { type ColorModel, colorModel, rowToRgb } from "./color.js";
import { allocateCoefficients, type Component, damaged, type Frame, JpegFile } from "./frame.js";
import { flatBlock, inverseDct } from "./idct.js";
import { decodeScan } from "./scan.js";
import { blockSmoother, type SmoothingContext, smoothingHelps } from "./smoothing.js";
import { type Plane, rowUpsampler } from "./upsample.js";

/** More scans than any encoder writes; each costs a pass over the picture. */
const MAX_SCANS = 1000;
/** What a segment takes beside its bytes, most of all a Huffman table, in samples. */
const SEGMENT_WORK = 2048;

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
    // A sequential file with all components in one scan is complete; libjpeg reads no further.
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
  // A component without a scan is flat grey.
  const quantization = component.quantization ?? new Uint16Array(64);
  const smoothed = smooth ? blockSmoother(frame, component, from) : undefined;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < component.blocksPerRow; column++) {
      const at = (row * component.blockStride + column) * 64;
      const start = row * 8 * stride + column * 8;
      if (smoothed) inverseDct(smoothed(row, column), 0, quantization, workspace, data, start, stride);
      else if (frame.progressive && component.detailed[at >> 6] === 0) {
        flatBlock(component.coefficients[at], quantization[0], data, start, stride);
      } else inverseDct(component.coefficients, at, quantization, workspace, data, start, stride);
    }
  }
  component.coefficients = new Int16Array(0);
  component.detailed = new Uint8Array(0);
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

const COMPONENTS: Readonly<Record<ColorModel, number>> = { grey: 1, rgb: 3, ycc: 3, cmyk: 4, ycck: 4, inks: 4 };

/**
 * Decodes a JPEG as stored (not rotated).
 * @param stated the components' meaning, if it is known from elsewhere than the file's markers.
 * @throws JpegDamage with the reason if libjpeg would give up.
 */
export function decodePlain(bytes: Uint8Array, budget: DecodeBudget, stated?: ColorModel): RgbImage {
  const file = new JpegFile(
    bytes,
    (frame) => {
      budget.size(frame.width, frame.height);
      budget.memory(bytesFor(frame));
      allocateCoefficients(frame);
    },
    () => budget.work(SEGMENT_WORK, "a JPEG of so many tables and comments"),
  );
  const coefficients = readCoefficients(file);
  const ids = coefficients.frame.components.map(({ id }) => id);
  const fitting = stated === undefined || COMPONENTS[stated] === ids.length;
  const model = fitting ? (stated ?? colorModel(ids, file.sawJfif, file.adobeTransform)) : undefined;
  if (!model) return damaged(`it has ${ids.length} components, which is not a known colour model`);
  tellLosses(file, coefficients, budget);
  return toRgb(coefficients, model);
}

/** Two bytes per coefficient and one per sample, which replace them component by component, then RGB. */
function bytesFor({ width, height, maxH, maxV, components }: Frame): number {
  const mcus = Math.ceil(width / (maxH * 8)) * Math.ceil(height / (maxV * 8));
  const samples = components.reduce((sum, { h, v }) => sum + mcus * h * v * 64, 0);
  const largest = mcus * maxH * maxV * 64;
  return Math.max(samples * 2 + largest, samples + width * height * 3);
}

/**
 * OpenCV uses such pictures, and so does this decoder, but users should know that they got boxes for half a picture.
 */
function tellLosses({ reader }: JpegFile, { frame, lastGoodRow }: Coefficients, budget: DecodeBudget): void {
  const rows = Math.ceil(frame.height / (frame.maxV * 8));
  const fine = frame.components.every(({ accuracy }) => accuracy.missing.every((bits) => bits === 0));
  if (reader.madeUp && lastGoodRow < rows - 1) {
    const percent = Math.round((1 - (lastGoodRow + 1) / rows) * 100);
    budget.note(`damaged JPEG: its data end early (truncated?); the lower ${percent} % is missing or coarse`);
  } else if (reader.madeUp) {
    budget.note("damaged JPEG: parts of its data are wrong or missing; it is used as far as it decodes");
  } else if (frame.progressive && reader.ranOut && !fine) {
    budget.note("damaged JPEG: it ends before its last scans (truncated?); it is used without its details");
  }
}
