/**
 * The one bound that every decoder asks before it allocates or begins: pixels, bytes of memory and samples that are
 * gone over (which stands for time). All follow from `maxPixels`.
 */

import { ImageError } from "../errors.js";

/**
 * Default for `maxPixels`: 2^26 pixels (8192 × 8192). With `BYTES_PER_PIXEL` this keeps decoding below 768 MiB, and the
 * process below 1 GB.
 */
const DEFAULT_MAX_PIXELS = 2 ** 26;

/** OpenCV's bound on either side (`CV_IO_MAX_IMAGE_WIDTH`, `…_HEIGHT`). */
const MAX_SIDE = 2 ** 20;

/** A decoder may take so much for each pixel that is allowed: RGBA with 16 bits beside the RGB bytes that it becomes. */
const BYTES_PER_PIXEL = 12;

/** WebAssembly decoders may grow to so much for each pixel that is allowed; their results lie outside of it. */
const WASM_BYTES_PER_PIXEL = 8;

/** Memory and work are never bounded below what so many pixels may take: decoders have tables and buffers of their own. */
const LEAST_PIXELS = 2 ** 23;

/** So often may a decoder go over each pixel that is allowed; a progressive JPEG of ten scans does so 8 to 16 times. */
const SAMPLES_PER_PIXEL = 20;

/** @throws ImageError for sizes of zero or beyond the bounds. `what` begins the message. */
export function checkPictureSize(what: string, width: number, height: number, maxPixels: number): void {
  if (!(width >= 1 && height >= 1)) {
    throw new ImageError(`${what}: claims ${width}×${height} pixels; a picture has at least 1×1`, {
      width,
      height,
    });
  }
  if (width > MAX_SIDE || height > MAX_SIDE) {
    throw new ImageError(`${what}: claims ${width}×${height} pixels; at most ${MAX_SIDE} per side are supported`, {
      width,
      height,
    });
  }
  if (width * height > maxPixels) {
    throw new ImageError(
      `${what}: claims ${width}×${height} pixels, above the limit of ${maxPixels} pixels; shrink it, or raise the ` +
        `limit (--max-pixels, \`maxPixels\`) to ${width * height}`,
      { width, height, maxPixels },
    );
  }
}

export interface BudgetOptions {
  /** Largest number of pixels that is accepted. */
  readonly maxPixels?: number | undefined;
  /** Called with sentences about pictures that are used although a part of them is lost. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Told how many pixels a picture claims before memory is taken for it; what it throws ends the decoding. */
  readonly onSize?: ((pixels: number) => void) | undefined;
}

/** What one picture may take. `what`, the file's name, begins all messages. */
export class DecodeBudget {
  readonly what: string;
  readonly maxPixels: number;
  private readonly onNote: (note: string) => void;
  private readonly onSize: (pixels: number) => void;

  constructor(what: string, options: BudgetOptions = {}) {
    const { maxPixels = DEFAULT_MAX_PIXELS, onNote = () => undefined, onSize = () => undefined } = options;
    this.what = what;
    this.maxPixels = maxPixels;
    this.onNote = onNote;
    this.onSize = onSize;
  }

  get maxBytes(): number {
    return Math.max(this.maxPixels, LEAST_PIXELS) * BYTES_PER_PIXEL;
  }

  /** Bytes of a WebAssembly decoder's memory. */
  get maxWasmBytes(): number {
    return Math.max(this.maxPixels, LEAST_PIXELS) * WASM_BYTES_PER_PIXEL;
  }

  /** @throws ImageError for sizes of zero or beyond the bounds. */
  size(width: number, height: number): void {
    checkPictureSize(this.what, width, height, this.maxPixels);
    this.onSize(width * height);
  }

  /**
   * Asked with the most memory that the decoding takes at a time, its result included.
   * @throws ImageError where that is beyond the bound.
   */
  memory(bytes: number): void {
    if (bytes <= this.maxBytes) return;
    const needed = Math.ceil(bytes / BYTES_PER_PIXEL);
    throw new ImageError(
      `${this.what}: needs ${mebibytes(bytes)} MiB to decode, above the limit of ${mebibytes(this.maxBytes)} MiB; ` +
        `shrink it, or raise the limit (--max-pixels, \`maxPixels\`) to ${needed}`,
      { bytes, maxBytes: this.maxBytes },
    );
  }

  /**
   * Asked with how many samples the decoding goes over, all passes together.
   * @throws ImageError where that is more than any encoder's files ask for.
   */
  work(samples: number, reason: string): void {
    if (samples <= Math.max(this.maxPixels, LEAST_PIXELS) * SAMPLES_PER_PIXEL) return;
    throw new ImageError(`${this.what}: ${reason} would take too long to decode; save it anew`, { samples });
  }

  /** Tells that the picture is used although something of it is lost. */
  note(text: string): void {
    this.onNote(`${this.what}: ${text}`);
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
