/** One source → decoded picture, with the format its file has. */

import { readFile } from "node:fs/promises";
import { ImageError } from "../../errors.js";
import { type PictureFormat, sniff } from "../../image/index.js";
import { download, type OnProgress } from "../../node/download.js";
import { decodePicture, type Picture, type ReadPictureOptions } from "../../yolov5/pictures.js";

export interface ReadPicture {
  readonly picture: Picture;
  readonly format: PictureFormat | undefined;
}

export interface ReadOptions extends ReadPictureOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
}

/** Larger pictures than this are no pictures. */
const MAX_DOWNLOAD = 2 ** 29;

/** @throws ImageError, DownloadError with one line that names the source. */
export async function readPicture(source: string, options: ReadOptions): Promise<ReadPicture> {
  const { signal, onProgress } = options;
  const bytes = /^https?:\/\//i.test(source)
    ? await download(source, { signal, onProgress, maxBytes: MAX_DOWNLOAD })
    : await readBytes(source);
  const picture = await decodePicture(bytes, source, options);
  const sniffed = sniff(bytes);
  return { picture, format: sniffed.kind === "picture" ? sniffed.format : undefined };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const what = code === "ENOENT" ? "no such file" : `cannot be read (${code})`;
    throw new ImageError(`${path}: ${what}; give the path of a picture`, { path }, { cause: error });
  }
}
