/** The file format of annotated pictures. */

import type { PictureFormat, RgbImage } from "../../image/index.js";
import { MAX_JPEG_SIDE, type WrittenFormat } from "../../node/pictures/savePicture.js";

/** `source` keeps the picture's own format, or falls back to JPEG if that format cannot be written. */
export function formatFor(
  { width, height }: RgbImage,
  wanted: "source" | WrittenFormat,
  format: PictureFormat | undefined,
): WrittenFormat {
  const png = wanted === "png" || (wanted === "source" && format === "png");
  return png || Math.max(width, height) > MAX_JPEG_SIDE ? "png" : "jpg";
}
