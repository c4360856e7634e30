/** One source → decoded picture and its file format. */

import { isHttp, shownAddress } from "../../../api/address.js";
import { type PictureFormat, sniff } from "../../../image/index.js";
import type { OnProgress } from "../../../node/net/download.js";
import { downloadPicture, VideoAddressError } from "../../../node/net/downloadPicture.js";
import { readPictureFile } from "../../../node/pictures/pictureFile.js";
import { decodeAside } from "../../../node/pictures/pictureThread.js";
import { hasVideoMagic } from "../../../node/video/fileKind.js";
import { isAnimatedGif } from "../../../node/video/input.js";
import { decodePicture, type Picture, type ReadPictureOptions } from "../../../yolov5/input/pictures.js";

/** Bytes needed to recognise a video, whatever the server calls it. */
const HEAD_BYTES = 512;

export interface ReadPicture {
  readonly picture: Picture;
  readonly format: PictureFormat | undefined;
}

export interface ReadOptions extends ReadPictureOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
  /** Told of the file, and awaited, before it is decoded. */
  readonly expect?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/**
 * @param source path or address; a user name and password in it are used but never shown.
 * @throws ImageError, DownloadError with one line that names the source; VideoAddressError for an address that serves
 * a video.
 */
export async function readPicture(source: string, options: ReadOptions): Promise<ReadPicture> {
  const { signal, onProgress, expect } = options;
  const remote = isHttp(source);
  const bytes = remote ? await downloadPicture(source, { signal, onProgress }) : await readPictureFile(source);
  // For files this is already known.
  if (remote && isAnimatedGif(bytes)) throw new VideoAddressError(source, "an animated GIF");
  const sniffed = sniff(bytes);
  if (remote && sniffed.kind === "other" && hasVideoMagic(bytes.subarray(0, HEAD_BYTES))) {
    throw new VideoAddressError(source, "by its first bytes");
  }
  await expect?.(bytes);
  const decode: typeof decodeAside = (own, decoding) => decodeAside(own, { ...decoding, signal });
  const picture = await decodePicture(bytes, shownAddress(source), { ...options, decode });
  return { picture, format: sniffed.kind === "picture" ? sniffed.format : undefined };
}
