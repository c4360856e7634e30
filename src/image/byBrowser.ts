/**
 * Decodes pictures with the browser itself if our decoder cannot be loaded: service workers may not import chunks
 * later, policies may forbid WebAssembly, hosts may lack chunks. Also finds out which of these it is.
 */

import { ImageError } from "../errors.js";
import type { DecodeBudget } from "./limits.js";
import type { RgbImage } from "./types.js";

const NAMES = { webp: "WebP", avif: "AVIF", tiff: "TIFF" } as const;

/**
 * Upright RGB bytes, alpha dropped, without colour profiles. They may differ from ours by rounding; a note says so.
 * @param bytes of a file whose declared size is within the budget.
 * @param cause why our decoder could not be loaded.
 * @throws ImageError if the browser cannot decode it either, with the reason why our decoder is missing, and advice.
 */
export async function decodeByBrowser(
  bytes: Uint8Array,
  format: keyof typeof NAMES,
  budget: DecodeBudget,
  cause: unknown,
): Promise<RgbImage> {
  const { what } = budget;
  const why = `the ${NAMES[format]} decoder cannot be loaded here: ${await reasonOf(format, cause)}`;
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function") {
    throw new ImageError(`${what}: ${why}, or convert it to JPEG or PNG`, {}, { cause });
  }
  let bitmap: ImageBitmap;
  try {
    const file = new Blob([new Uint8Array(bytes)], { type: `image/${format}` });
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    const message = `${what}: ${why}, or convert it to JPEG or PNG (this browser cannot read it either)`;
    throw new ImageError(message, {}, { cause });
  }
  try {
    const { width, height } = bitmap;
    budget.size(width, height);
    const data = new Uint8Array(width * height * 3);
    const rgba = pixelsOf(bitmap);
    for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
      data[to] = rgba[from];
      data[to + 1] = rgba[from + 1];
      data[to + 2] = rgba[from + 2];
    }
    budget.note(`decoded by the browser, so pixels may differ slightly: ${why}`);
    return { width, height, data };
  } finally {
    bitmap.close();
  }
}

function pixelsOf(bitmap: ImageBitmap): Uint8ClampedArray {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new ImageError("this browser has no 2-D canvas to read pixels with");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

/** Found out by trying, since error messages differ between browsers. */
async function reasonOf(format: keyof typeof NAMES, cause: unknown): Promise<string> {
  if (format !== "tiff") {
    if (typeof WebAssembly !== "object") return "there is no WebAssembly; use another browser";
    try {
      // The smallest module: just the eight-byte header.
      await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    } catch {
      return "the page's Content-Security-Policy forbids WebAssembly; add 'wasm-unsafe-eval' to script-src";
    }
  }
  if ("ServiceWorkerGlobalScope" in globalThis) {
    return "service workers cannot use import(); bundle the engine into one file without dynamic imports";
  }
  const said = cause instanceof Error ? cause.message : String(cause);
  return `a chunk of the bundle could not be imported (${said}); host all chunks`;
}
