/** A result → everything that is printed and written for it, as plain data that a thread can send. */

import { encodeJpeg, type Font, type PictureFormat, type RgbImage } from "../../../image/index.js";
import { encodeAside } from "../../../node/pictures/pictureThread.js";
import type { WrittenFormat } from "../../../node/pictures/savePicture.js";
import { blur } from "../../../solutions/blur/index.js";
import { drawOnPixels } from "../../../yolov5/draw/drawPixels.js";
import type { AnnotateStyle } from "../../../yolov5/draw/drawStyle.js";
import type { LabelledPicture } from "../../../yolov5/labels/index.js";
import type { Result } from "../../../yolov5/model.js";
import {
  classificationLines,
  detectionLines,
  poseLines,
  segmentationLines,
} from "../../../yolov5/output/text/saveText.js";
import { errorLine } from "../../errors.js";
import { throwIfInterrupted } from "../../interrupt.js";
import { cropOf } from "../crop.js";
import type { HiddenParts } from "../hide/blurFlags.js";
import { type LabelFormat, labelsOf } from "../labels/labelFiles.js";
import { formatFor } from "../pictureFormat.js";
import { type Shown, shownOf } from "../summary.js";
import { isFatal } from "./fatal.js";

/** How lines and labels are drawn. */
type LineStyle = Pick<AnnotateStyle, "theme" | "lineThickness" | "hideLabels" | "hideConf">;

/** What is needed from a result besides its log line. */
export interface FinishOptions extends LineStyle {
  readonly pictures: boolean;
  readonly imageFormat: "source" | WrittenFormat;
  readonly labels: boolean;
  readonly confidences: boolean;
  readonly crops: boolean;
  /** `sources`: only the pictures, without what was found. */
  readonly json: boolean | "sources";
  /** Formats of labelling tools. */
  readonly formats: readonly LabelFormat[];
  /** What is hidden before anything is drawn or cropped. */
  readonly hidden: HiddenParts | undefined;
  /** Draws nothing on the pictures. */
  readonly bare: boolean;
  /** Whether the JSON contains times. */
  readonly speed: boolean;
}

/** A crop: a box as a picture file. */
export interface Crop<Picture = Uint8Array> {
  readonly picture: Picture;
  readonly name: string;
  readonly class: number;
}

export interface Finished {
  readonly shown: Shown;
  /** The picture's entry in the JSON. */
  readonly entry: object | undefined;
  /** Lines of the label file. */
  readonly labels: readonly string[];
  readonly crops: readonly Crop[];
  /** For labelling tools; undefined if none is requested. */
  readonly labelled: Omit<LabelledPicture, "fileName"> | undefined;
  /** The format that an annotated picture has. */
  readonly format: WrittenFormat;
  /** The file of the annotated picture. */
  readonly picture: Uint8Array | undefined;
  /** Why the annotated picture could not be produced. */
  readonly problem: string | undefined;
}

/** Drawing in addition to a result. */
export interface Extras extends Pick<AnnotateStyle, "trails" | "figures" | "speedUnit"> {
  /** Draws on the picture before all else. */
  readonly under?: ((image: RgbImage) => void) | undefined;
}

export interface FinishTools extends Extras {
  readonly font: Font | undefined;
  readonly signal: AbortSignal;
}

/**
 * Draws on the picture, and may transfer it away.
 * @throws errors after which no further picture can succeed; InterruptedError.
 */
export async function finish(
  result: Result,
  { image, format: own }: { readonly image: RgbImage; readonly format: PictureFormat | undefined },
  options: FinishOptions,
  tools: FinishTools,
): Promise<Finished> {
  const format = formatFor(image, options.imageFormat, own);
  const labels = options.labels ? linesOf(result, options.confidences) : [];
  if (options.hidden) blur(image, result, options.hidden);
  // Before the picture is drawn on.
  const crops = options.crops
    ? cropsOf(image, result).map((crop) => ({ ...crop, picture: encodeJpeg(crop.picture) }))
    : [];
  let picture: Uint8Array | undefined;
  let problem: string | undefined;
  try {
    if (options.pictures) {
      const drawn = options.bare ? image : draw(image, result, { ...options, ...tools });
      picture = await encodeAside(drawn, format, { signal: tools.signal });
    }
  } catch (error) {
    throwIfInterrupted(tools.signal);
    if (isFatal(error)) throw error;
    problem = errorLine(error);
  }
  return {
    shown: shownOf(result),
    entry: jsonOf(result, options),
    labels,
    crops,
    labelled: options.formats.length > 0 ? labelledOf(result) : undefined,
    format,
    picture,
    problem,
  };
}

const labelledOf = (result: Result): Omit<LabelledPicture, "fileName"> => {
  const { width, height } = result;
  return { width, height, objects: labelsOf(result) };
};

/** Draws in place: pictures may be too large to hold two in memory. */
export function draw(
  image: RgbImage,
  result: Result,
  style: LineStyle & Pick<AnnotateStyle, "font"> & Extras,
): RgbImage {
  const { theme, lineThickness, hideLabels, hideConf, font, trails, figures, speedUnit, under } = style;
  under?.(image);
  return drawOnPixels(
    image,
    result,
    { theme, lineThickness, hideLabels, hideConf, font, trails, figures, speedUnit },
    { inPlace: true },
  );
}

/** The picture's entry in the JSON, if one is wanted. */
export function jsonOf(result: Result, { json, speed }: Pick<FinishOptions, "json" | "speed">): object | undefined {
  if (json === false) return undefined;
  const { source, frame } = result;
  return json === "sources" ? { source, ...(frame === undefined ? {} : { frame }) } : entryOf(result, speed);
}

/**
 * What the JSON says of a result. Computes the masks, and holds nothing else of the result.
 * @param speed whether it says the times.
 */
function entryOf(result: Result, speed: boolean): object {
  const { speed: times, ...entry } = JSON.parse(JSON.stringify(result.toJSON())) as { speed: object };
  return speed ? { ...entry, speed: times } : entry;
}

/** The label lines of a result, depending on its task. */
export function linesOf(result: Result, confidences: boolean): string[] {
  if (result.task === "classify") return classificationLines(result);
  if (result.task === "segment") return segmentationLines(result, confidences);
  if (result.task === "pose") return poseLines(result, confidences);
  return detectionLines(result, confidences);
}

/** The boxes as pictures, lowest confidence first, as detect.py numbers them. */
export function cropsOf(image: RgbImage, result: Result): Crop<RgbImage>[] {
  if (result.task === "classify") return [];
  return result.detections.toReversed().flatMap((detection) => {
    const crop = cropOf(image, detection);
    return crop ? [{ picture: crop, name: detection.name, class: detection.class }] : [];
  });
}
