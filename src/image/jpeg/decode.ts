/** JPEG to upright RGB bytes, as `cv2.imread(IMREAD_COLOR)` gives them. */

import { ImageError } from "../../errors.js";
import { checkPictureSize } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { readJpegHeader } from "./header.js";
import { decodeWithMozjpeg } from "./mozjpeg.js";

/**
 * Decodes a JPEG and turns it upright by its EXIF orientation.
 * @param what begins messages, e.g. `bus.jpg`.
 * @throws ImageError for damaged files and for processes that libjpeg-turbo does not decode.
 */
export async function decodeJpeg(bytes: Uint8Array, what: string, maxPixels: number): Promise<RgbImage> {
  const header = readJpegHeader(bytes);
  if (!header) throw new ImageError(`${what}: damaged JPEG: it has no frame header (truncated?)`, {});
  checkPictureSize(what, header.width, header.height, maxPixels);
  const image = await decodeWithMozjpeg(bytes);
  if (!image) throw new ImageError(`${what}: damaged JPEG that does not decode`, { ...header });
  return applyOrientation(image, header.orientation);
}
