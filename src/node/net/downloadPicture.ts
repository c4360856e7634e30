/** Pictures by address: bounded, and a server that sends a video or one JPEG after the other is told apart at once. */

import { shownAddress } from "../../api/address.js";
import { ImageError } from "../../errors.js";
import { type DownloadOptions, download } from "./download.js";

/** What is larger than this is no picture. */
const MAX_BYTES = 2 ** 29;
/** Nor is what takes longer. */
const TOTAL_MS = 600_000;

/** An address that gives a video where a picture was asked for. */
export class VideoAddressError extends ImageError {
  constructor(address: string, contentType: string) {
    const shown = shownAddress(address);
    super(`${shown}: is a video (${contentType}), not a picture; readVideo reads it`, { url: shown, contentType });
  }
}

/** Whether a server says that it sends a video, or one JPEG after the other. */
export function isVideoType(contentType: string): boolean {
  return /^\s*(video\/|multipart\/x-mixed-replace|application\/(vnd\.apple\.mpegurl|x-mpegurl|dash\+xml))/i.test(
    contentType,
  );
}

/** @throws VideoAddressError, DownloadError; the signal's reason where it is aborted. */
export function downloadPicture(
  address: string,
  options: Pick<DownloadOptions, "signal" | "onProgress"> = {},
): Promise<Uint8Array> {
  return download(address, {
    ...options,
    maxBytes: MAX_BYTES,
    totalMs: TOTAL_MS,
    onType: (contentType) => {
      if (isVideoType(contentType)) throw new VideoAddressError(address, contentType);
    },
  });
}
