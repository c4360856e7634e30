/**
 * The orientation of a picture from its EXIF block (a TIFF structure), read like OpenCV's `ExifReader`: only the
 * first image file directory, with entries in order. An entry that points outside the block stops reading, but
 * earlier entries count. Source: EXIF 2.32, section 4.6; TIFF 6.0, section 2; behaviour of `cv2.imread` (OpenCV 4.6).
 */

const ORIENTATION = 0x0112;

/** Tags that OpenCV reads as text: the bytes must lie inside the block. */
const TEXT_TAGS: ReadonlySet<number> = new Set([0x010e, 0x010f, 0x0110, 0x0131, 0x0132, 0x8298]);

/** Tags that OpenCV reads as rationals, with their counts: eight bytes each must lie inside the block. */
const RATIONAL_TAGS: ReadonlyMap<number, number> = new Map([
  [0x011a, 1],
  [0x011b, 1],
  [0x013e, 2],
  [0x013f, 6],
  [0x0211, 3],
  [0x0214, 6],
]);

/**
 * @param tiff the block from its byte-order mark on (in a JPEG: APP1's payload after `Exif\0\0`).
 * @returns 1 to 8 as EXIF numbers them, or undefined if the block has no usable orientation.
 */
export function exifOrientation(tiff: Uint8Array): number | undefined {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const size = tiff.byteLength;
  if (size < 8) return undefined;
  const little = tiff[0] === 0x49 && tiff[1] === 0x49;
  if (view.getUint16(2, little) !== 0x2a) return undefined;
  const start = view.getUint32(4, little);
  if (start + 2 > size) return undefined;
  const count = view.getUint16(start, little);
  for (let entry = 0; entry < count; entry++) {
    const at = start + 2 + entry * 12;
    if (at + 12 > size) return undefined;
    const tag = view.getUint16(at, little);
    if (tag === ORIENTATION) {
      const value = view.getUint16(at + 8, little);
      return value >= 1 && value <= 8 ? value : undefined;
    }
    const length = view.getUint32(at + 4, little);
    const offset = view.getUint32(at + 8, little);
    if (TEXT_TAGS.has(tag) && length > 4 && offset + length > size) return undefined;
    const rationals = RATIONAL_TAGS.get(tag);
    if (rationals !== undefined && offset + rationals * 8 > size) return undefined;
  }
  return undefined;
}
