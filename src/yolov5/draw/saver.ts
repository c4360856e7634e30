/** How a result's annotated picture is written: by the platform that read it, which hands this to its results. */

import { UnsupportedError } from "../../errors.js";
import type { PlainPicture } from "../input/plainPicture.js";
import type { AnnotateStyle, DrawnResult } from "./drawStyle.js";

/** Options of `result.save`. */
export interface SaveOptions extends AnnotateStyle {
  /** The picture, where `detect` took it from memory; also any other of its size. */
  readonly picture?: PlainPicture | undefined;
  /** Of JPEGs, 1 to 100. Default 95. */
  readonly quality?: number | undefined;
}

export type ResultSaver = (result: DrawnResult, path: string | URL, options: SaveOptions) => Promise<void>;

/** @throws UnsupportedError where nobody can write. */
export async function saveWith(
  saver: ResultSaver | undefined,
  result: DrawnResult,
  path: string | URL,
  options: SaveOptions,
): Promise<void> {
  if (!saver) {
    throw new UnsupportedError(
      "save needs a result of model.detect in Node; in a page draw with annotate(canvas, result) and take canvas.toBlob, " +
        "else savePicture(path, await annotate(picture, result))",
    );
  }
  await saver(result, path, options);
}
