/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import type { PictureSource } from "../../api/sources.js";
import { ImageError } from "../../errors.js";
import { throwIfAborted } from "../../yolov5/calls/abort.js";
import { describeGiven } from "../../yolov5/input/given.js";
import {
  decodePicture,
  type EncodedPicture,
  type Picture,
  type ReadPictureOptions,
  readPicture,
} from "../../yolov5/input/pictures.js";
import { bytesInside, type Place, placeOf } from "../localAddress.js";
import { downloadPicture } from "../net/downloadPicture.js";
import { readPictureFile } from "./pictureFile.js";
import { decodeAside } from "./pictureThread.js";

/** @throws ImageError, DownloadError with the source; the reason of `signal`. */
export async function readPictureSource(source: PictureSource, options: ReadPictureOptions = {}): Promise<Picture> {
  const { signal } = options;
  const decode: typeof decodeAside = (bytes, decoding) => decodeAside(bytes, { ...decoding, signal });
  const decoding = { ...options, decode };
  const place = placeOf(source, "picture");
  if (place) {
    const { bytes, source: shown } = await readPlace(place, options);
    return decodePicture(bytes, shown, decoding);
  }
  const picture = await readPicture(source, decoding);
  if (!picture) throw notPicture(source);
  return picture;
}

export function notPicture(source: unknown): ImageError {
  return new ImageError(
    `a picture must be a path, URL, encoded bytes or { data, width, height }, got ${describeGiven(source)}`,
  );
}

/** @throws ImageError, DownloadError with the source; the reason of `signal`. */
export async function readPlace(
  place: Place,
  { begin, signal }: Pick<ReadPictureOptions, "begin" | "signal">,
): Promise<EncodedPicture> {
  const remote = place.kind === "remote" ? await downloadPicture(place.address, { signal }) : undefined;
  // Downloads may overlap with other detections; memory for pixels is reserved one picture at a time.
  await begin?.();
  throwIfAborted(signal);
  return { bytes: remote ?? (await readLocalBytes(place)), source: place.shown };
}

async function readLocalBytes(place: Place): Promise<Uint8Array> {
  const { shown } = place;
  const refuse = (why: string): ImageError => new ImageError(`${shown}: ${why}`, { source: shown });
  if (place.kind === "nowhere") throw refuse(place.why);
  if (place.kind === "inside") return bytesInside(place.address, "picture", refuse);
  return readPictureFile(place.address);
}
