/** Saves pictures in memory as JPEG or PNG, depending on the file's extension. */

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
  /** JPEG quality, 1 to 100. Default 95. */
  readonly quality?: number | undefined;
}

const FORMATS: Readonly<Record<string, WrittenFormat>> = {
  ".jpg": "jpg",
  ".jpeg": "jpg",
  ".jpe": "jpg",
  ".jfif": "jpg",
  ".png": "png",
};

/** Maximum width and height of a JPEG. */
export const MAX_JPEG_SIDE = 65535;

export function encodePicture(image: RgbImage, format: WrittenFormat, quality?: number): Uint8Array {
  return format === "png" ? encodePng(image) : encodeJpeg(image, quality);
}

/** The target of a picture, and its format. */
export interface PictureFile {
  readonly path: string;
  readonly write: (image: RgbImage) => Promise<void>;
}

/**
 * Writes a picture atomically. Replaces an existing file.
 * @param path ends in `.jpg`, `.jpeg` or `.png`; its folder must exist.
 * @param picture from `annotate`, or any raw pixels.
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
 * Checks the target before a picture is drawn for it.
 * @throws OptionError, OutputError.
 */
export async function pictureFile(to: string | URL, { quality }: SavePictureOptions): Promise<PictureFile> {
  const path = pathOf(to);
  const format = FORMATS[extname(path).toLowerCase()];
  if (!format) {
    throw new OptionError(`${path}: pictures are written as JPEG or PNG; use a name that ends in .jpg, .jpeg or .png`, {
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
        `${path}: JPEG allows at most ${MAX_JPEG_SIDE} pixels per side, but the picture has ${image.width}×${image.height}; use a name that ends in .png`,
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

/** Missing folders are not created: they are more often a typo than intended. */
async function checkFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw outputError(path, error);
  });
  if (found?.isDirectory()) return;
  const why = found
    ? `${folder} is a file, not a folder; write elsewhere`
    : `the folder ${folder} does not exist; create it first`;
  throw new OutputError(`${path}: cannot be written: ${why}`, { path, folder });
}
