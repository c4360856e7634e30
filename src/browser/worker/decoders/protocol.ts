/**
 * The messages between a model's worker and its decoder, which runs in a separate worker per format or on the page's
 * thread.
 */

import type { WireError } from "../../../api/wireError.js";
import type { PictureFormat, RgbImage } from "../../../image/index.js";

/** Decoders that run in their own worker. */
export type DecoderName = "jpeg" | "webp" | "avif" | "rare";

/** Formats whose decoders are not part of the model's worker: most pages need one or none. */
export const ELSEWHERE: Readonly<Partial<Record<PictureFormat, DecoderName>>> = {
  jpeg: "jpeg",
  webp: "webp",
  avif: "avif",
  bmp: "rare",
  gif: "rare",
  pnm: "rare",
  tiff: "rare",
};

export interface DecodeRequest {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly path: string | undefined;
  readonly maxPixels: number | undefined;
}

export type DecodeAnswer =
  | { readonly id: number; readonly image: RgbImage; readonly notes: readonly string[] }
  | { readonly id: number; readonly error: WireError };
