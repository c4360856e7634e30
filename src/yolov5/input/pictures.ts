/** What `detect` accepts besides files: encoded bytes and raw pixels; everything becomes upright RGB. */

import { ImageError } from "../../errors.js";
import type { DecodeOptions, RgbImage } from "../../image/index.js";
import { throwIfAborted } from "../calls/abort.js";
import type { ResultSaver } from "../draw/saver.js";
import { type BlobLike, bytesIn, describeGiven, isBlob, isPixelData, nameOfBlob, tagOf } from "./given.js";
import type { RawPicture } from "./plainPicture.js";

export type { RawPicture } from "./plainPicture.js";

/** Bytes of a picture file → upright RGB: `decodeImage`, or a replacement if the decoders run elsewhere. */
export type Decode = (bytes: Uint8Array, options: DecodeOptions) => Promise<RgbImage>;

export interface ReadPictureOptions {
  /** Maximum number of pixels. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Awaited before bytes are decoded, and before a file is read. */
  readonly begin?: (() => Promise<void>) | undefined;
  /** Aborts reading with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface DecodePictureOptions extends ReadPictureOptions {
  readonly decode: Decode;
}

export interface Picture {
  readonly image: RgbImage;
  /** Warnings about a picture that is used although a part of it is lost. */
  readonly warnings?: readonly string[] | undefined;
  readonly source?: string | undefined;
  /** For videos: the frame's number, and its time in seconds. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
  /** In Node: writes an annotated copy; becomes part of the picture's result. */
  readonly saver?: ResultSaver | undefined;
  /** Releases resources held outside memory; called by `detectPictures` when it is done. */
  readonly close?: (() => void) | undefined;
}

const ORDER: Readonly<Record<string, { readonly step: number; readonly red: number; readonly blue: number }>> = {
  grey: { step: 1, red: 0, blue: 0 },
  rgb: { step: 3, red: 0, blue: 2 },
  bgr: { step: 3, red: 2, blue: 0 },
  rgba: { step: 4, red: 0, blue: 2 },
  bgra: { step: 4, red: 2, blue: 0 },
};
const BY_COUNT: Readonly<Record<number, string>> = { 1: "grey", 3: "rgb", 4: "rgba" };

/**
 * Whether a value is, or is meant to be, raw pixels; `rawToRgb` reports what is wrong. Page elements have such
 * members too.
 */
export function isRawPicture(source: unknown): source is RawPicture {
  if (typeof source !== "object" || source === null || !/^(Object|ImageData)$/.test(tagOf(source))) return false;
  return "data" in source && "width" in source && "height" in source;
}

/**
 * The bytes of raw pixels.
 * @throws ImageError for anything but bytes.
 */
export function pixelsOf({ data }: RawPicture): Uint8Array | Uint8ClampedArray {
  if (isPixelData(data)) return data;
  throw new ImageError(`raw picture: data must be bytes (Uint8Array or Uint8ClampedArray), got ${describeGiven(data)}`);
}

/**
 * Raw pixels → RGB.
 * @throws ImageError if the data do not match width × height × channels.
 */
export function rawToRgb(picture: RawPicture): RgbImage {
  const { width, height } = picture;
  const { data, order } = layoutOf(picture);
  if (order === ORDER.rgb) return { width, height, data: Uint8Array.from(data) };
  const { step, red, blue } = order;
  const out = new Uint8Array(width * height * 3);
  const green = step === 1 ? 0 : 1;
  for (let from = 0, to = 0; to < out.length; from += step, to += 3) {
    out[to] = data[from + red];
    out[to + 1] = data[from + green];
    out[to + 2] = data[from + blue];
  }
  return { width, height, data: out };
}

/** @throws ImageError if the data do not match width × height × channels. */
function layoutOf(picture: RawPicture) {
  const { width, height } = picture;
  const data = pixelsOf(picture);
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new ImageError(
      `raw picture: width and height must be whole pixels of at least 1, got ${sideText(width)}×${sideText(height)}`,
    );
  }
  const pixels = width * height;
  const given = picture.channels ?? data.length / pixels;
  const order = ORDER[typeof given === "number" ? (BY_COUNT[given] ?? "") : given];
  if (!order || data.length !== pixels * order.step) {
    throw new ImageError(
      `raw picture: ${data.length} bytes do not fill ${width}×${height} pixels of ${String(picture.channels ?? "1, 3 or 4")} channels`,
      { width, height, bytes: data.length },
    );
  }
  return { data, order };
}

function sideText(side: unknown): string {
  return typeof side === "number" ? String(side) : describeGiven(side);
}

/** A snapshot of bytes and pixels, so that the caller may reuse the memory. Other sources are returned unchanged. */
function snapshot<T>(source: T): T {
  const bytes = bytesIn(source);
  // Not `slice`, which returns a view for a Node Buffer.
  if (bytes) return new Uint8Array(bytes) as T;
  if (!isRawPicture(source) || !isPixelData(source.data)) return source;
  const { data, width, height, channels, frame, time } = source;
  const copy: RawPicture = { data: new Uint8Array(data), width, height, channels, frame, time };
  return copy as T;
}

/**
 * Raw pixels in memory that all threads share; the caller may reuse its own.
 * @throws like `rawToRgb`.
 */
export function sharedRaw(picture: RawPicture): RawPicture {
  const { width, height, channels, frame, time } = picture;
  const { data } = layoutOf(picture);
  const shared = new Uint8Array(new SharedArrayBuffer(data.length));
  shared.set(data);
  return { data: shared, width, height, channels, frame, time };
}

/** The bytes of a picture file, and its path, URL or name. */
export interface EncodedPicture {
  readonly bytes: Uint8Array;
  readonly source: string | undefined;
}

/**
 * Encoded bytes and files → their bytes; undefined for other kinds of sources. The caller may reuse the memory as soon
 * as the call returns.
 */
export async function readEncoded(
  source: unknown,
  { begin }: Pick<ReadPictureOptions, "begin">,
): Promise<EncodedPicture | undefined> {
  const given = bytesIn(source);
  if (given) {
    // Not `slice`, which returns a view for a Node Buffer.
    const bytes = new Uint8Array(given);
    await begin?.();
    return { bytes, source: undefined };
  }
  if (!isBlob(source)) return undefined;
  await begin?.();
  return { bytes: await bytesOfBlob(source), source: nameOfBlob(source) };
}

/**
 * The bytes of a picture file → picture.
 * @param source the picture's path, URL or name.
 * @throws ImageError.
 */
export async function decodePicture(
  bytes: Uint8Array,
  source: string | undefined,
  { maxPixels, decode, signal }: DecodePictureOptions,
): Promise<Picture> {
  throwIfAborted(signal);
  const warnings: string[] = [];
  const image = await decode(bytes, { path: source, maxPixels, onNote: (note) => warnings.push(note) });
  return { image, source, ...(warnings.length === 0 ? {} : { warnings }) };
}

/**
 * Encoded bytes or raw pixels → picture; undefined for other kinds of sources. The caller may reuse the memory as
 * soon as the call returns.
 */
export async function readPicture(source: unknown, options: DecodePictureOptions): Promise<Picture | undefined> {
  if (isRawPicture(source)) return { image: rawToRgb(source), frame: source.frame, time: source.time };
  const encoded = await readEncoded(source, options);
  return encoded && decodePicture(encoded.bytes, encoded.source, options);
}

async function bytesOfBlob(blob: BlobLike): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    const name = nameOfBlob(blob) ?? "picture";
    throw new ImageError(`${name}: ${unreadableBlob(error)}`, {}, { cause: error });
  }
}

/** Files chosen in a page may be gone or changed by the time they are read. */
export function unreadableBlob(error: unknown): string {
  const { name } = error as Partial<Error>;
  return `cannot be read (${name ?? "unknown reason"}); choose it again, it may have been moved or changed`;
}

export function closeAll(pictures: readonly Picture[]): void {
  for (const { close } of pictures) close?.();
}

/**
 * Reads sources one after another; if one fails, those before it are closed. Bytes and pixels are captured at the
 * time of the call.
 */
export async function readAll<T>(
  sources: readonly T[],
  read: (source: T) => Promise<Picture>,
  signal?: AbortSignal,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  // The first one is read synchronously.
  const own = sources.map((source, i) => (i === 0 ? source : snapshot(source)));
  try {
    for (const source of own) {
      throwIfAborted(signal);
      pictures.push(await read(source));
    }
  } catch (error) {
    closeAll(pictures);
    throw error;
  }
  return pictures;
}
