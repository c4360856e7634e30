/** Which files of a folder are pictures, by their names: the same for every command. */

import { extname } from "node:path";

/** What detect.py and val.py take (DNG and PFM are told when their turn comes), and all else that is decoded here. */
export const PICTURE_ENDINGS: readonly string[] = [
  ...["bmp", "dng", "jpeg", "jpg", "mpo", "png", "tif", "tiff", "webp", "pfm"],
  ...["avif", "gif", "ppm", "pgm", "pbm", "pnm", "jpe", "jfif", "dib"],
];

const ENDINGS: ReadonlySet<string> = new Set(PICTURE_ENDINGS);

export const isPictureName = (path: string): boolean => ENDINGS.has(extname(path).slice(1).toLowerCase());
