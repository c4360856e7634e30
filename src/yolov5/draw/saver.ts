/** Writes a result's annotated picture; provided by the platform that read the picture. */

import { UnsupportedError } from "../../errors.js";
import type { PlainPicture } from "../input/plainPicture.js";
import type { AnnotateStyle, DrawnResult } from "./drawStyle.js";

/** Options of `result.save`. */
export interface SaveOptions extends AnnotateStyle {
  /** The picture, if `detect` got it from memory, or another picture of the same size. */
  readonly picture?: PlainPicture | undefined;
  /** JPEG quality, 1 to 100. Default 95. */
  readonly quality?: number | undefined;
}

export type ResultSaver = (result: DrawnResult, path: string | URL, options: SaveOptions) => Promise<void>;

/** @throws UnsupportedError if the platform cannot write files. */
export async function saveWith(
  saver: ResultSaver | undefined,
  result: DrawnResult,
  path: string | URL,
  options: SaveOptions,
): Promise<void> {
  if (!saver) {
    throw new UnsupportedError(
      "save needs a result of model.detect in Node; in a page draw with annotate(canvas, result) and use canvas.toBlob, " +
        "otherwise use savePicture(path, await annotate(picture, result))",
    );
  }
  await saver(result, path, options);
}
