/** The parts of a picture that the network processes one after the other: windows, and the whole picture. */

import { crop } from "../../image/crop.js";
import type { RgbImage } from "../../image/types.js";
import type { ResolvedSlices } from "../../solutions/slices/options.js";
import { type Window, windowsOf } from "../../solutions/slices/windows.js";
import type { Picture } from "../input/pictures.js";
import type { Size } from "../output/boxes.js";

export interface Views {
  /** How many windows there are. */
  readonly windows: number;
  /** The windows and, if wanted, the whole picture, which comes first. One view if the picture is no larger than a window. */
  readonly views: readonly Window[];
}

/** @param input the network's input, which is also the default size of windows. */
export function viewsOf(
  { width, height }: Pick<RgbImage, "width" | "height">,
  slices: ResolvedSlices,
  input: Size,
): Views {
  const size = { width: slices.width ?? input[1], height: slices.height ?? input[0] };
  const windows = windowsOf({ width, height }, { ...size, overlap: slices.overlap });
  const whole = slices.whole && windows.length > 1 ? [{ x: 0, y: 0, width, height }] : [];
  return { windows: windows.length, views: [...whole, ...windows] };
}

/** A view as a separate picture. Only its own pixels are copied, and none for the whole picture. */
export function pictureOf({ image, source, frame, time }: Picture, view: Window): Picture {
  const facts = { source, frame, time };
  if (view.width === image.width && view.height === image.height) return { ...facts, image };
  return { ...facts, image: crop(image, view) };
}
