/** Decodes WebP to upright RGB bytes with Google's libwebp (`@jsquash/webp`, WebAssembly), like `cv2.imread`. */

import { ImageError } from "../../errors.js";
import { decodeByBrowser } from "../byBrowser.js";
import { exifOrientation } from "../exif.js";
import type { DecodeBudget } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { DecoderOnDemand, decodeWithWasm, type LoadedDecoder, ownBuffer, type Rgba } from "../wasmDecoder.js";

interface Instance {
  decode(data: Uint8Array<ArrayBuffer>): Rgba | null;
}

const libwebp = new DecoderOnDemand<Instance>(
  () => import("./webpWasm.generated.js"),
  () => import("@jsquash/webp/codec/dec/webp_dec.js"),
);

/**
 * Bytes per pixel: RGBA inside and outside the decoder, RGB, and inside alpha or, for lossless files, ARGB before the
 * RGBA.
 */
const LOSSY_BYTES = 12;
const LOSSLESS_BYTES = 15;

interface WebpHeader {
  readonly width: number;
  readonly height: number;
  readonly lossless: boolean;
  readonly animated: boolean;
  readonly orientation: number | undefined;
}

/** Reads the RIFF chunks. Source: RFC 9649, section 2. */
function readHeader(bytes: Uint8Array): WebpHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [width, height] = [0, 0];
  // The canvas and the picture in it each have a size; either may be wrong.
  const add = (w: number, h: number): void => {
    if (w * h > width * height) [width, height] = [w, h];
  };
  let lossless = false;
  let animated = false;
  let orientation: number | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (type === "VP8X" && body + 10 <= bytes.length) {
      animated = (bytes[body] & 2) !== 0;
      const u24 = (p: number) => bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16);
      add(u24(body + 4) + 1, u24(body + 7) + 1);
    } else if (type === "VP8 " && body + 10 <= bytes.length) {
      add(view.getUint16(body + 6, true) & 0x3fff, view.getUint16(body + 8, true) & 0x3fff);
    } else if (type === "VP8L" && body + 5 <= bytes.length) {
      const bits = view.getUint32(body + 1, true);
      add((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
      lossless = true;
    } else if (type === "EXIF" && body + length <= bytes.length) {
      // Some encoders keep JPEG's "Exif\0\0" prefix before the TIFF block.
      const prefixed = bytes[body] === 0x45 && bytes[body + 1] === 0x78;
      orientation ??= exifOrientation(bytes.subarray(prefixed ? body + 6 : body, body + length));
    }
    at = body + length + (length & 1);
  }
  return width === 0 ? undefined : { width, height, lossless, animated, orientation };
}

/**
 * Decodes a still WebP, lossy or lossless; alpha is dropped.
 * @throws ImageError for damaged files, animations, and if neither our decoder nor the browser can read it.
 */
export async function decodeWebp(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage> {
  const { what } = budget;
  const header = readHeader(bytes);
  if (!header) throw new ImageError(`${what}: damaged WebP: it has no picture (truncated?)`, {});
  budget.size(header.width, header.height);
  budget.memory(header.width * header.height * (header.lossless ? LOSSLESS_BYTES : LOSSY_BYTES));
  if (header.animated) throw new ImageError(`${what}: is an animated WebP; save one of its frames as PNG`, {});
  let decoder: LoadedDecoder<Instance>;
  try {
    decoder = await libwebp.get();
  } catch (cause) {
    return decodeByBrowser(bytes, "webp", budget, cause);
  }
  const { image } = await decodeWithWasm(decoder, budget, (instance) => instance.decode(ownBuffer(bytes)));
  if (!image) throw new ImageError(`${what}: damaged WebP that does not decode`, { ...header });
  return applyOrientation(image, header.orientation);
}
