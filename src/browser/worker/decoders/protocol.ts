/**
 * The messages between a model's worker and what reads files for it: decoders of pictures, and the reader of ONNX
 * exports, each in a separate worker or on the page's thread.
 */

import type { WireError } from "../../../api/wireError.js";
import type { PictureFormat, RgbImage } from "../../../image/index.js";
import type { Checkpoint } from "../../../weights/types.js";

/** Decoders that run in their own worker; `onnx` reads exported networks. */
export type DecoderName = "jpeg" | "webp" | "avif" | "rare" | "onnx";

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
  | { readonly id: number; readonly checkpoint: Checkpoint }
  | { readonly id: number; readonly image: RgbImage; readonly notes: readonly string[] }
  | { readonly id: number; readonly error: WireError };
