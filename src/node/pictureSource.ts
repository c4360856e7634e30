/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import { decodePicture, type Picture, type ReadPictureOptions, readPicture } from "../yolov5/pictures.js";
import { isHttp } from "./address.js";
import { downloadPicture } from "./downloadPicture.js";
import { bytesOfDataAddress, FILE_ADDRESS_ADVICE, nameOfAddress, pathOfFileAddress } from "./localAddress.js";
import { decodeAside } from "./pictureThread.js";
import { readFailure, readRegularFile } from "./regularFile.js";

/** @throws ImageError, DownloadError naming the source. */
export async function readPictureSource(source: PictureSource, given: ReadPictureOptions = {}): Promise<Picture> {
  const options: ReadPictureOptions = { decode: decodeAside, ...given };
  if (source instanceof URL) return readPictureSource(source.href, options);
  if (typeof source === "string") {
    if (/^file:\/\//i.test(source)) {
      const path = pathOfFileAddress(source);
      if (path === undefined) throw new ImageError(`${source}: ${FILE_ADDRESS_ADVICE}`, { source });
      return readPictureSource(path, options);
    }
    const shown = nameOfAddress(source);
    const remote = isHttp(source) ? await downloadPicture(source) : undefined;
    // A download may go on while other pictures are detected; memory for pixels is taken in turn.
    await options.begin?.();
    return decodePicture(remote ?? (await readLocalBytes(source, shown)), shown, options);
  }
  const picture = await readPicture(source, options);
  if (!picture) {
    throw new ImageError(
      `a picture must be a path, URL, encoded bytes or { data, width, height }, got ${Object.prototype.toString.call(source)}`,
    );
  }
  return picture;
}

async function readLocalBytes(source: string, shown: string): Promise<Uint8Array> {
  if (!/^data:/i.test(source)) return readPictureFile(source);
  const bytes = await bytesOfDataAddress(source);
  if (bytes) return bytes;
  throw new ImageError(`${shown}: is no well-formed data address; give the picture's bytes`, { source: shown });
}

async function readPictureFile(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    throw new ImageError(
      `${path}: ${readFailure(error, path)}; give the path of a picture`,
      { path },
      { cause: error },
    );
  }
}
