/** Tells which files of a folder are pictures, by extension; the same for every command. */

import { extname } from "node:path";

/** What detect.py and val.py accept (DNG and PFM are reported when their turn comes), plus all formats decoded here. */
export const PICTURE_ENDINGS: readonly string[] = [
  ...["bmp", "dng", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp", "pfm"],
  ...["avif", "gif", "ppm", "pgm", "pbm", "pnm", "jpe", "jfif", "dib"],
];

const ENDINGS: ReadonlySet<string> = new Set(PICTURE_ENDINGS);

export const isPictureName = (path: string): boolean => ENDINGS.has(extname(path).slice(1).toLowerCase());
