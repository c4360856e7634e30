/** Pictures that another thread decodes: their memory is captured at the call, their files are read on this thread. */

import type { PictureSource } from "../../api/sources.js";
import { bytesIn } from "../../yolov5/input/given.js";
import {
  type EncodedPicture,
  isRawPicture,
  type ReadPictureOptions,
  readEncoded,
  sharedRaw,
} from "../../yolov5/input/pictures.js";
import type { RawPicture } from "../../yolov5/input/plainPicture.js";
import { placeOf } from "../localAddress.js";
import { notPicture, readPlace } from "./pictureSource.js";

/** A picture that was read but not decoded. */
export type SentPicture = EncodedPicture | RawPicture;

/** Waits for its turn and returns the bytes or pixels. @throws ImageError, DownloadError; the reason of `signal`. */
export type ReadSent = (options: Pick<ReadPictureOptions, "begin" | "signal">) => Promise<SentPicture>;

/**
 * Captures bytes and pixels: the caller may use their memory again at once.
 * @throws ImageError for pixels that do not match their size.
 */
export function capture(source: PictureSource): ReadSent {
  const place = placeOf(source, "picture");
  if (place) return (options) => readPlace(place, options);
  const held = isRawPicture(source) ? sharedRaw(source) : encodedIn(source);
  return async (options) => {
    if (!held) {
      const encoded = await readEncoded(source, options);
      if (!encoded) throw notPicture(source);
      return encoded;
    }
    await options.begin?.();
    return held;
  };
}

function encodedIn(source: PictureSource): EncodedPicture | undefined {
  const bytes = bytesIn(source);
  return bytes && { bytes: new Uint8Array(bytes), source: undefined };
}
