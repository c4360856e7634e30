/** Hides the objects of a result in its picture. */

import { grownBy, type Xyxy } from "../../boxes.js";
import { OptionError } from "../../errors.js";
import { rleRectangles } from "../../image/draw/mask.js";
import { OBSCURE_STYLES, type ObscureStyle, obscure, type Region } from "../../image/obscure.js";
import type { RgbImage } from "../../image/types.js";

/** `box`: the whole box of an object; `mask`: its outline, if the model finds one. */
export type BlurShape = "box" | "mask";
/** All shapes, the default first. */
export const BLUR_SHAPES: readonly BlurShape[] = ["box", "mask"];

/** The parts of a detection that `blur` needs. */
export interface BlurredObject {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly class: number;
  /** Its outline at the picture's size, as COCO's run lengths. */
  readonly mask?: { readonly counts: readonly number[]; readonly size: readonly [height: number, width: number] };
}

/** Options of `blur`. */
export interface BlurOptions {
  /** Class indices to hide. Default: all. */
  readonly classes?: readonly number[] | undefined;
  /** Default `mosaic`. */
  readonly style?: ObscureStyle | undefined;
  /** Default `box`. */
  readonly shape?: BlurShape | undefined;
  /** Margin around the object on every side, as a fraction of its width and height. Default 0.1. */
  readonly margin?: number | undefined;
  /** Boxes to hide in addition, in pixels: those of `TrackBridge`. */
  readonly added?: readonly Xyxy[] | undefined;
}

const MARGIN = 0.1;

/** Whether objects of a class are to be hidden. */
export function isBlurred(
  { class: index }: Pick<BlurredObject, "class">,
  { classes }: Pick<BlurOptions, "classes">,
): boolean {
  return classes === undefined || classes.includes(index);
}

/**
 * Makes objects unrecognisable, in place: the picture's own pixels change.
 * @param result of the same picture at the same size; a classification has no boxes and hides nothing.
 * @throws OptionError with the option and its value.
 * @example
 * import { blur } from "yolov5-ts/solutions";
 *
 * const result = await model.detect("street.jpg");
 * const picture = await annotate("street.jpg", result, { hideBoxes: true, hideLabels: true, maskAlpha: 0 });
 * blur(picture, result, { classes: [0] });
 * await savePicture("street-blurred.jpg", picture);
 */
export function blur(
  image: RgbImage,
  { detections }: { readonly detections: readonly BlurredObject[] },
  options: BlurOptions = {},
): void {
  const { style = "mosaic", shape = "box", margin = MARGIN, added = [] } = options;
  oneOf(style, OBSCURE_STYLES, "style");
  oneOf(shape, BLUR_SHAPES, "shape");
  if (!(margin >= 0 && margin <= 10)) {
    throw new OptionError(`blur: margin must be 0 to 10 times the object's size, got ${margin}`, { margin });
  }
  const hidden = detections.filter((detection) => isBlurred(detection, options));
  for (const detection of hidden) obscure(image, regionOf(detection, shape, margin), style);
  for (const xyxy of added) obscure(image, { xyxy: grownBy(xyxy, margin) }, style);
}

function regionOf(detection: BlurredObject, shape: BlurShape, margin: number): Region {
  const { xmin, ymin, xmax, ymax } = detection;
  const xyxy = grownBy([xmin, ymin, xmax, ymax], margin);
  // Computed on first access.
  const mask = shape === "mask" ? detection.mask : undefined;
  if (!mask) return { xyxy };
  const pixels = Math.ceil(margin * Math.max(xmax - xmin, ymax - ymin));
  const rectangles = rleRectangles(mask).map((value, i) => value + (i % 4 < 2 ? -pixels : pixels));
  // A mask may be empty although there is an object.
  return rectangles.length === 0 ? { xyxy } : { xyxy: around(rectangles), rectangles };
}

/** The box around rectangles. */
function around(rectangles: readonly number[]): Xyxy {
  const every = (offset: number): number[] => rectangles.filter((_, i) => i % 4 === offset);
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));
  return [least(every(0)), least(every(1)), most(every(2)), most(every(3))];
}

function oneOf(value: string, allowed: readonly string[], name: string): void {
  if (allowed.includes(value)) return;
  throw new OptionError(`blur: ${name} must be ${allowed.join(" or ")}, got ${value}`, { [name]: value });
}
