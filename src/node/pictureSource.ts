/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import { ImageError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import { type Picture, type RawPicture, readPicture } from "../yolov5/pictures.js";
import { isHttp } from "./address.js";
import { downloadPicture } from "./downloadPicture.js";
import { bytesOfDataAddress, FILE_ADDRESS_ADVICE, nameOfAddress, pathOfFileAddress } from "./localAddress.js";
import { readFailure, readRegularFile } from "./regularFile.js";

export type PictureSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawPicture;

/** @throws ImageError, DownloadError naming the source. */
export async function readPictureSource(source: PictureSource): Promise<Picture> {
  if (source instanceof URL) return readPictureSource(source.href);
  if (typeof source === "string") {
    if (/^file:\/\//i.test(source)) {
      const path = pathOfFileAddress(source);
      if (path === undefined) throw new ImageError(`${source}: ${FILE_ADDRESS_ADVICE}`, { source });
      return readPictureSource(path);
    }
    const shown = nameOfAddress(source);
    return { image: await decodeImage(await readBytes(source, shown), { path: shown }), source: shown };
  }
  const picture = await readPicture(source);
  if (!picture) {
    throw new ImageError(
      `a picture must be a path, URL, encoded bytes or { data, width, height }, got ${Object.prototype.toString.call(source)}`,
    );
  }
  return picture;
}

async function readBytes(source: string, shown: string): Promise<Uint8Array> {
  if (isHttp(source)) return downloadPicture(source);
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
