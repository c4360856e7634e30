/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import type { PictureSource } from "../../api/sources.js";
import { ImageError } from "../../errors.js";
import { throwIfAborted } from "../../yolov5/calls/abort.js";
import { describeGiven } from "../../yolov5/input/given.js";
import { decodePicture, type Picture, type ReadPictureOptions, readPicture } from "../../yolov5/input/pictures.js";
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
    const remote = place.kind === "remote" ? await downloadPicture(place.address, { signal }) : undefined;
    // Downloads may overlap with other detections; memory for pixels is reserved one picture at a time.
    await options.begin?.();
    throwIfAborted(signal);
    return decodePicture(remote ?? (await readLocalBytes(place)), place.shown, decoding);
  }
  const picture = await readPicture(source, decoding);
  if (!picture) {
    throw new ImageError(
      `a picture must be a path, URL, encoded bytes or { data, width, height }, got ${describeGiven(source)}`,
    );
  }
  return picture;
}

async function readLocalBytes(place: Place): Promise<Uint8Array> {
  const { shown } = place;
  const refuse = (why: string): ImageError => new ImageError(`${shown}: ${why}`, { source: shown });
  if (place.kind === "nowhere") throw refuse(place.why);
  if (place.kind === "inside") return bytesInside(place.address, "picture", refuse);
  return readPictureFile(place.address);
}
