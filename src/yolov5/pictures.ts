/** What `detect` accepts beside files: encoded bytes, raw pixels; everything becomes upright RGB. */

import { ImageError } from "../errors.js";
import { decodeImage, type RgbImage } from "../image/index.js";

/** Raw pixels. RGB or RGBA unless `channels` says otherwise; alpha is dropped. */
export interface RawPicture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** How many bytes a pixel has, or their order. Default by the data's length. */
  readonly channels?: 1 | 3 | 4 | "rgb" | "bgr" | "rgba" | "bgra" | "grey" | undefined;
  /** Of a video: the frame's number, and its time in seconds; both come back in the result. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
}

export interface ReadPictureOptions {
  /** Largest number of pixels that is accepted; default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Default `decodeImage`. */
  readonly decode?: typeof decodeImage | undefined;
  /** Waited for before bytes are decoded, and before a file is read. */
  readonly begin?: (() => Promise<void>) | undefined;
}

export interface Picture {
  readonly image: RgbImage;
  /** Sentences about a picture that is used although a part of it is lost. */
  readonly warnings?: readonly string[] | undefined;
  readonly source?: string | undefined;
  /** Of a video: the frame's number, and its time in seconds. */
  readonly frame?: number | undefined;
  readonly time?: number | undefined;
  /** Lets go of what the picture holds outside of memory; `detectPictures` calls it when it is done. */
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

export function isRawPicture(source: unknown): source is RawPicture {
  if (typeof source !== "object" || source === null || !("data" in source)) return false;
  const { data, width, height } = source as Partial<RawPicture>;
  return ArrayBuffer.isView(data) && typeof width === "number" && typeof height === "number";
}

/**
 * Raw pixels → RGB.
 * @throws ImageError when the data do not fill width × height × channels.
 */
export function rawToRgb(picture: RawPicture): RgbImage {
  const { data, width, height } = picture;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new ImageError(
      `raw picture: data must be bytes (Uint8Array or Uint8ClampedArray), got ${Object.prototype.toString.call(data)}`,
    );
  }
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new ImageError(`raw picture: width and height must be whole pixels of at least 1, got ${width}×${height}`, {
      width,
      height,
    });
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
  if (order === ORDER.rgb) return { width, height, data: Uint8Array.from(data) };
  const { step, red, blue } = order;
  const out = new Uint8Array(pixels * 3);
  const green = step === 1 ? 0 : 1;
  for (let from = 0, to = 0; to < out.length; from += step, to += 3) {
    out[to] = data[from + red];
    out[to + 1] = data[from + green];
    out[to + 2] = data[from + blue];
  }
  return { width, height, data: out };
}

/** Bytes and pixels as they are now: whoever gave them may use the memory again. Other sources are given back. */
function snapshot<T>(source: T): T {
  if (source instanceof ArrayBuffer) return source.slice() as T;
  // Not `slice`, which of a Node Buffer gives a view.
  if (source instanceof Uint8Array) return new Uint8Array(source) as T;
  if (!isRawPicture(source)) return source;
  const { data, width, height, channels, frame, time } = source;
  const own = data instanceof Uint8ClampedArray ? new Uint8ClampedArray(data) : new Uint8Array(data);
  const copy: RawPicture = { data: own, width, height, channels, frame, time };
  return copy as T;
}

/**
 * The bytes of a picture file → picture.
 * @param source what the picture is known by: path, URL, name.
 * @throws ImageError.
 */
export async function decodePicture(
  bytes: Uint8Array,
  source: string | undefined,
  { maxPixels, decode = decodeImage }: ReadPictureOptions = {},
): Promise<Picture> {
  const warnings: string[] = [];
  const image = await decode(bytes, { path: source, maxPixels, onNote: (note) => warnings.push(note) });
  return { image, source, ...(warnings.length === 0 ? {} : { warnings }) };
}

/**
 * Encoded bytes or raw pixels → picture; undefined for other kinds of sources. Their memory may be used again as soon as the
 * call has returned its promise.
 */
export async function readPicture(source: unknown, options: ReadPictureOptions = {}): Promise<Picture | undefined> {
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    const bytes = source instanceof Uint8Array ? snapshot(source) : new Uint8Array(snapshot(source));
    await options.begin?.();
    return decodePicture(bytes, undefined, options);
  }
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const name = "name" in source && typeof source.name === "string" ? source.name : undefined;
    await options.begin?.();
    return decodePicture(new Uint8Array(await source.arrayBuffer()), name, options);
  }
  if (isRawPicture(source)) return { image: rawToRgb(source), frame: source.frame, time: source.time };
  return undefined;
}

export function closeAll(pictures: readonly Picture[]): void {
  for (const { close } of pictures) close?.();
}

/**
 * Reads sources one after another; when one fails, those before it are closed. Bytes and pixels are those of the time of the
 * call.
 */
export async function readAll<T>(sources: readonly T[], read: (source: T) => Promise<Picture>): Promise<Picture[]> {
  const pictures: Picture[] = [];
  // The first one is read at once.
  const own = sources.map((source, i) => (i === 0 ? source : snapshot(source)));
  try {
    for (const source of own) pictures.push(await read(source));
  } catch (error) {
    closeAll(pictures);
    throw error;
  }
  return pictures;
}
