/**
 * The limits that every decoder checks before it allocates or starts: pixels, bytes of memory, and samples processed
 * (a proxy for time). All are derived from `maxPixels`.
 */

import { ImageError } from "../errors.js";

/**
 * Default for `maxPixels`: 2^26 pixels (8192 × 8192). With `BYTES_PER_PIXEL` this keeps decoding below 768 MiB, and the
 * process below 1 GB.
 */
const DEFAULT_MAX_PIXELS = 2 ** 26;

/** OpenCV's limit for either side (`CV_IO_MAX_IMAGE_WIDTH`, `…_HEIGHT`). */
const MAX_SIDE = 2 ** 20;

/** Memory limit of a decoder per allowed pixel: 16-bit RGBA along with the resulting RGB bytes. */
const BYTES_PER_PIXEL = 12;

/** Memory limit of WebAssembly decoders per allowed pixel, not counting their results. */
const WASM_BYTES_PER_PIXEL = 8;

/**
 * Limits on memory and work never fall below those for this many pixels, since decoders have tables and buffers of
 * their own.
 */
const LEAST_PIXELS = 2 ** 23;

/** Passes that a decoder may make per allowed pixel; a progressive JPEG with ten scans makes 8 to 16. */
const SAMPLES_PER_PIXEL = 20;

/** @throws ImageError for sizes of zero or above the limits. `what` begins the message. */
export function checkPictureSize(what: string, width: number, height: number, maxPixels: number): void {
  if (!(width >= 1 && height >= 1 && Number.isInteger(width) && Number.isInteger(height))) {
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
  /** Maximum number of pixels. */
  readonly maxPixels?: number | undefined;
  /** Receives warnings about pictures that are used although a part of them is lost. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Called with a picture's declared number of pixels before memory is allocated; if it throws, decoding ends. */
  readonly onSize?: ((pixels: number) => void) | undefined;
}

/** The budget of one picture. `what`, the file's name, begins all messages. */
export class DecodeBudget {
  readonly what: string;
  readonly maxPixels: number;
  private readonly onNote: (note: string) => void;
  private readonly onSize: (pixels: number) => void;
  private samples = 0;

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

  /** @throws ImageError for sizes of zero or above the limits. */
  size(width: number, height: number): void {
    checkPictureSize(this.what, width, height, this.maxPixels);
    this.onSize(width * height);
  }

  /**
   * Checks the peak memory of decoding, including the result.
   * @throws ImageError above the limit.
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
   * Checks the number of samples that decoding processes, those of all earlier calls included: a picture may consist of
   * thousands of small ones.
   * @throws ImageError if that is more than any encoder's files need.
   */
  work(samples: number, reason: string): void {
    this.samples += samples;
    if (this.samples <= Math.max(this.maxPixels, LEAST_PIXELS) * SAMPLES_PER_PIXEL) return;
    throw new ImageError(`${this.what}: ${reason} would take too long to decode; save it again`, {
      samples: this.samples,
    });
  }

  /** Warns that the picture is used although a part of it is lost. */
  note(text: string): void {
    this.onNote(`${this.what}: ${text}`);
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
