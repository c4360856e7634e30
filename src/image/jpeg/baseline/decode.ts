/**
 * The fastest way to decode a JPEG: the ordinary kind, sequential with all components in one scan and chroma of the full size, half
 * the width, or half of both, in WebAssembly SIMD (`scripts/jpeg/decoder.ts`). Gives `plainDecoder.ts`'s bytes, or nothing: whatever
 * is unusual or damaged is for the other decoders, which know what to do with it and what to say.
 */

import type { DecodeBudget } from "../../limits.js";
import type { RgbImage } from "../../types.js";
import { type ColorModel, colorModel } from "../color.js";
import { type Frame, JpegDamage, JpegFile, type Scan } from "../frame.js";
import { type Decoder, decoderModule, keepDecoder, takeDecoder } from "./instance.js";
import { SIDE } from "./layout.js";
import { layoutOf, writeTables } from "./memory.js";
import { Segments } from "./segments.js";

/** Tables and comments before the picture; files with more are for others, who count what that costs. */
const MOST_SEGMENTS = 100;

interface Picture {
  readonly frame: Frame;
  readonly scan: Scan;
  readonly model: ColorModel;
  /** The file from the scan's data on. */
  readonly data: Uint8Array;
}

/** Whether chroma has the full size, half the width, or half of both. */
function ordinarySampling({ components: [first, ...chroma], width }: Frame): boolean {
  if (chroma.length === 0) return true;
  if (chroma.length !== 2 || chroma.some(({ h, v }) => h !== 1 || v !== 1)) return false;
  if (first.h === 1) return first.v === 1;
  // libjpeg repeats the samples of narrower pictures.
  return first.h === 2 && first.v <= 2 && Math.ceil(width / 2) > 2;
}

/** Undefined if it is not of the kind that is decoded here. */
function readPicture(bytes: Uint8Array): Picture | undefined {
  let segments = 0;
  const file = new JpegFile(bytes, undefined, () => {
    if (++segments > MOST_SEGMENTS) throw new JpegDamage("it has many segments");
  });
  const scan = file.nextScan();
  const { frame } = file;
  if (!frame || frame.progressive || !scan || !ordinarySampling(frame)) return undefined;
  const { components } = frame;
  if (components.length !== scan.components.length) return undefined;
  if (components.some((component, i) => component !== scan.components[i].component)) return undefined;
  const ids = components.map(({ id }) => id);
  const model = colorModel(ids, file.sawJfif, file.adobeTransform);
  if (!model || (model === "rgb" && frame.maxH > 1)) return undefined;
  return { frame, scan, model, data: bytes.subarray(file.reader.position) };
}

/**
 * Decodes an ordinary JPEG as stored (not rotated).
 * @returns undefined if it is unusual or damaged, or if this host has no SIMD.
 */
export async function decodeBaseline(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage | undefined> {
  const module = await decoderModule();
  if (!module) return undefined;
  try {
    const picture = readPicture(bytes);
    if (!picture) return undefined;
    budget.size(picture.frame.width, picture.frame.height);
    return decodePicture(module, picture, budget);
  } catch (error) {
    // Damaged data lead the decoder out of its memory at worst.
    if (error instanceof JpegDamage || error instanceof WebAssembly.RuntimeError) return undefined;
    throw error;
  }
}

function decodePicture(module: WebAssembly.Module, picture: Picture, budget: DecodeBudget): RgbImage | undefined {
  const { frame, scan, model, data } = picture;
  const { width, height } = frame;
  const layout = layoutOf(frame, data.length);
  const decoder = layout.end <= budget.maxWasmBytes ? takeDecoder(module, layout.end) : undefined;
  if (!decoder) return undefined;
  const memory = new Uint8Array(decoder.memory.buffer);
  if (!writeTables(frame, scan, layout, decoder.memory.buffer)) return undefined;
  memory.set(data, layout.source);
  const segments = new Segments(decoder, layout, data.length);
  const toPixels = pixelsBy(decoder, model, frame);

  const { columns, rows, side } = mcusOf(frame);
  const pixels = new Uint8Array(width * height * 3);
  const rowBytes = width * 3;
  let done = 0;
  for (let row = 0; row < rows; row++) {
    decoder.turn(row & 1);
    if (!segments.decode(columns, scan.restartInterval)) return undefined;
    // Chroma of half the height: the last row of pixels needs samples of the next MCUs.
    const end = row === rows - 1 ? height : (row + 1) * side - 1;
    toPixels(done, end, layout.pixels);
    pixels.set(memory.subarray(layout.pixels, layout.pixels + (end - done) * rowBytes), done * rowBytes);
    done = end;
  }
  keepDecoder(decoder);
  return { width, height, data: pixels };
}

function pixelsBy(decoder: Decoder, model: ColorModel, { maxH }: Frame): Decoder["full"] {
  if (model !== "ycc") return decoder.plain;
  return maxH === 2 ? decoder.halved : decoder.full;
}

/** How many MCUs there are, and the rows of pixels in one; a scan of one component has one block per MCU. */
function mcusOf({ width, height, maxH, maxV, components }: Frame): {
  readonly columns: number;
  readonly rows: number;
  readonly side: number;
} {
  const [{ blocksPerRow, blocksPerColumn }] = components;
  if (components.length === 1) return { columns: blocksPerRow, rows: blocksPerColumn, side: SIDE };
  return { columns: Math.ceil(width / (maxH * SIDE)), rows: Math.ceil(height / (maxV * SIDE)), side: SIDE * maxV };
}
