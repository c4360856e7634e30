/** Downloads a picture with limits, and recognises at once a server that sends a video or a stream of JPEGs. */

import { shownAddress } from "../../api/address.js";
import { ImageError } from "../../errors.js";
import { type DownloadOptions, download } from "./download.js";

/** Nothing larger than this is a picture. */
const MAX_BYTES = 2 ** 29;
/** Nor is anything that takes longer than this. */
const TOTAL_MS = 600_000;

/** An address that serves a video instead of the expected picture. */
export class VideoAddressError extends ImageError {
  constructor(address: string, contentType: string) {
    const shown = shownAddress(address);
    super(`${shown}: is a video (${contentType}), not a picture; use readVideo`, { url: shown, contentType });
  }
}

/** Whether the content type is that of a video or a stream of JPEGs. */
export function isVideoType(contentType: string): boolean {
  return /^\s*(video\/|multipart\/x-mixed-replace|application\/(vnd\.apple\.mpegurl|x-mpegurl|dash\+xml))/i.test(
    contentType,
  );
}

/** @throws VideoAddressError, DownloadError; the signal's reason if it is aborted. */
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
