/** Pictures in memory → files: JPEG or PNG after the name's ending. */

import { stat } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { nameOfAddress, schemeOf } from "../../api/address.js";
import { ImageError, OptionError, OutputError } from "../../errors.js";
import { encodeJpeg, encodePng } from "../../image/encode.js";
import type { RgbImage } from "../../image/types.js";
import { shown } from "../../yolov5/calls/checks.js";
import { addressIn } from "../../yolov5/input/given.js";
import { isRawPicture, rawToRgb } from "../../yolov5/input/pictures.js";
import type { RawPicture } from "../../yolov5/input/plainPicture.js";
import { outputError } from "../files/systemReason.js";
import { writeAtomically } from "../files/writeFile.js";
import { FILE_ADDRESS_ADVICE, pathOfFileAddress } from "../localAddress.js";

export type WrittenFormat = "jpg" | "png";

/** Options of `savePicture`. */
export interface SavePictureOptions {
  /** Of JPEGs, 1 to 100. Default 95. */
  readonly quality?: number | undefined;
}

const FORMATS: Readonly<Record<string, WrittenFormat>> = {
  ".jpg": "jpg",
  ".jpeg": "jpg",
  ".jpe": "jpg",
  ".jfif": "jpg",
  ".png": "png",
};

/** JPEG cannot be wider or higher. */
export const MAX_JPEG_SIDE = 65535;

export function encodePicture(image: RgbImage, format: WrittenFormat, quality?: number): Uint8Array {
  return format === "png" ? encodePng(image) : encodeJpeg(image, quality);
}

/** Where a picture goes, and how it is written there. */
export interface PictureFile {
  readonly path: string;
  readonly write: (image: RgbImage) => Promise<void>;
}

/**
 * Writes a picture, whole or not at all; a file that is there is replaced.
 * @param path ends in `.jpg`, `.jpeg` or `.png`; its folder is there.
 * @param picture of `annotate`, or any raw pixels.
 * @throws OutputError, OptionError, ImageError.
 * @example
 * await savePicture("out.png", await annotate("bus.jpg", await model.detect("bus.jpg")));
 */
export async function savePicture(
  path: string | URL,
  picture: RawPicture,
  options: SavePictureOptions = {},
): Promise<void> {
  const file = await pictureFile(path, options);
  if (!isRawPicture(picture)) {
    throw new OptionError(`savePicture: the picture must be { data, width, height }, got ${shown(picture)}`);
  }
  await file.write(rawToRgb(picture));
}

/**
 * Checked before a picture is made for it.
 * @throws OptionError, OutputError.
 */
export async function pictureFile(to: string | URL, { quality }: SavePictureOptions): Promise<PictureFile> {
  const path = pathOf(to);
  const format = FORMATS[extname(path).toLowerCase()];
  if (!format) {
    throw new OptionError(`${path}: pictures are written as JPEG or PNG; let the name end in .jpg, .jpeg or .png`, {
      path,
    });
  }
  if (quality !== undefined && !(typeof quality === "number" && quality >= 1 && quality <= 100)) {
    throw new OptionError(`quality must be 1 to 100, got ${shown(quality)}`, { quality });
  }
  await checkFolderOf(path);
  const write = async (image: RgbImage): Promise<void> => {
    const side = Math.max(image.width, image.height);
    if (format === "jpg" && side > MAX_JPEG_SIDE) {
      throw new ImageError(
        `${path}: JPEG takes at most ${MAX_JPEG_SIDE} pixels a side, the picture has ${image.width}×${image.height}; let the name end in .png`,
        { path, width: image.width, height: image.height },
      );
    }
    await writeAtomically(path, encodePicture(image, format, quality));
  };
  return { path, write };
}

function pathOf(to: string | URL): string {
  const address = addressIn(to);
  if (address === undefined || address === "" || address.includes("\0")) {
    throw new OptionError(`the name of the picture's file must be a path, got ${shown(to)}`);
  }
  if (typeof to === "string" && schemeOf(to) === undefined) return to;
  const path = pathOfFileAddress(address.trim());
  if (path !== undefined) return path;
  throw new OptionError(`${nameOfAddress(address)}: ${FILE_ADDRESS_ADVICE}`);
}

/** A folder that is not there is more often a slip than a wish. */
async function checkFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw outputError(path, error);
  });
  if (found?.isDirectory()) return;
  const why = found
    ? `${folder} is a file, not a folder; write elsewhere`
    : `there is no folder ${folder}; make it first`;
  throw new OutputError(`${path}: cannot be written: ${why}`, { path, folder });
}
