/**
 * Decodes and encodes large pictures, which takes seconds, on a separate thread. Meanwhile this thread stays
 * responsive to signals and other calls, and can abort the work at once.
 */

import { Worker } from "node:worker_threads";
import { ImageError } from "../../errors.js";
import { type DecodeOptions, decodeImage, type RgbImage } from "../../image/index.js";
import { builtFile } from "../workers/builtFile.js";
import { encodePicture, type WrittenFormat } from "./savePicture.js";

/** Pixels above which starting a thread (50 ms) is worth it: decoding that many takes up to a second. */
const LARGE_TO_DECODE = 2 ** 24;
/** Half a second of encoding. */
const LARGE_TO_ENCODE = 2 ** 21;

const THREAD = "pictureWorker.js";

/** A request to the thread. */
export type PictureJob =
  | { readonly bytes: Uint8Array; readonly path: string | undefined; readonly maxPixels: number | undefined }
  | { readonly image: RgbImage; readonly format: WrittenFormat };

/** The single reply. */
export type PictureAnswer =
  | { readonly image: RgbImage; readonly notes: readonly string[] }
  | { readonly bytes: Uint8Array }
  | { readonly refused: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly failed: string };

/** Thrown if a picture turns out to be large, before memory is allocated for it. */
class Large extends Error {}

export interface ThreadOptions {
  /** Aborts the work at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Like `decodeImage`, but decodes large pictures on another thread.
 * @throws as `decodeImage`; the signal's reason.
 */
export async function decodeAside(bytes: Uint8Array, options: DecodeOptions & ThreadOptions = {}): Promise<RgbImage> {
  const { path, maxPixels, onNote, signal } = options;
  const file = builtFile(THREAD);
  const onSize = (pixels: number): void => {
    if (file !== undefined && pixels > LARGE_TO_DECODE) throw new Large();
  };
  try {
    return await decodeImage(bytes, { ...options, onSize });
  } catch (error) {
    if (!(error instanceof Large) || file === undefined) throw error;
  }
  const answer = await ask(file, { bytes, path, maxPixels }, [], signal);
  if (!("image" in answer)) throw failureOf(answer);
  for (const note of answer.notes) onNote?.(note);
  return answer.image;
}

/**
 * Encodes a picture file. A large picture is transferred to another thread, so its pixels are gone afterwards.
 * @throws ImageError; the signal's reason.
 */
export async function encodeAside(
  image: RgbImage,
  format: WrittenFormat,
  { signal }: ThreadOptions = {},
): Promise<Uint8Array> {
  const file = image.width * image.height > LARGE_TO_ENCODE ? builtFile(THREAD) : undefined;
  if (file === undefined) return encodePicture(image, format);
  const { buffer, byteLength } = image.data;
  const whole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  const answer = await ask(file, { image, format }, whole ? [buffer] : [], signal);
  if (!("bytes" in answer)) throw failureOf(answer);
  return answer.bytes;
}

async function ask(
  file: string,
  job: PictureJob,
  transfer: readonly ArrayBuffer[],
  signal: AbortSignal | undefined,
): Promise<PictureAnswer> {
  signal?.throwIfAborted();
  const worker = new Worker(file);
  let onAbort: () => void = () => undefined;
  try {
    return await new Promise<PictureAnswer>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the picture thread ended without an answer")));
      worker.postMessage(job, transfer);
    });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    void worker.terminate();
  }
}

function failureOf(answer: PictureAnswer): Error {
  if ("refused" in answer) return new ImageError(answer.refused, answer.details);
  return new Error("failed" in answer ? answer.failed : "the picture thread sent an unexpected answer");
}
