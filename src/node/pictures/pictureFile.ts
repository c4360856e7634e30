/** Reads a picture's file, with a one-line error. */

import { nameOfAddress } from "../../api/address.js";
import { ImageError } from "../../errors.js";
import { readFailure, readRegularFile } from "../files/regularFile.js";

/** @throws ImageError with the file and the reason. */
export async function readPictureFile(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    throw new ImageError(
      `${nameOfAddress(path)}: ${readFailure(error, path)}; give the path of a picture`,
      { path },
      { cause: error },
    );
  }
}
