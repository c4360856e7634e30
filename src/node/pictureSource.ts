/** What `model.detect` accepts in Node: paths, URLs, encoded bytes, raw pixels. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import { type Picture, readPicture } from "../yolov5/pictures.js";
import { download } from "./download.js";

/** @throws ImageError, DownloadError naming the source. */
export async function readPictureSource(source: PictureSource): Promise<Picture> {
  if (source instanceof URL) {
    return readPictureSource(source.protocol === "file:" ? fileURLToPath(source) : source.href);
  }
  if (typeof source === "string") {
    const bytes = /^https?:\/\//.test(source) ? await download(source) : await readPictureFile(source);
    return { image: await decodeImage(bytes, { path: source }), source };
  }
  const picture = await readPicture(source);
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
