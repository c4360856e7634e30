/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ImageError } from "../errors.js";
import {
  decodePicture,
  type Picture,
  type RawPicture,
  type ReadPictureOptions,
  readPicture,
} from "../yolov5/pictures.js";
import { download } from "./download.js";

export type PictureSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawPicture;

/** @throws ImageError, DownloadError naming the source. */
export async function readPictureSource(source: PictureSource, options: ReadPictureOptions = {}): Promise<Picture> {
  if (source instanceof URL) {
    return readPictureSource(source.protocol === "file:" ? fileURLToPath(source) : source.href, options);
  }
  if (typeof source === "string") {
    const bytes = /^https?:\/\//.test(source) ? await download(source) : await readPictureFile(source);
    return decodePicture(bytes, source, options);
  }
  const picture = await readPicture(source, options);
  if (!picture) {
    throw new ImageError(
      `a picture must be a path, URL, encoded bytes or { data, width, height }, got ${Object.prototype.toString.call(source)}`,
    );
  }
  return picture;
}

async function readPictureFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as { code?: string }).code;
    const what = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "is a folder" : `cannot be read (${code})`;
    throw new ImageError(`${path}: ${what}; give the path of a picture`, { path }, { cause: error });
  }
}
