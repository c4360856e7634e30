/** What a model finds in the windows of a labelled picture, each prepared as `val.py` prepares a picture. */

import { crop } from "../image/crop.js";
import type { RgbImage } from "../image/types.js";
import type { ResolvedSlices } from "../solutions/slices/options.js";
import { toTensor } from "../yolov5/input/letterbox.js";
import { rectBatches, validationLetterbox } from "../yolov5/input/letterboxVariants.js";
import { scaleBox, scaleCoordinate } from "../yolov5/output/boxes.js";
import type { Keypoint } from "../yolov5/output/detections.js";
import { processMask, prototypesOf, scaleMask } from "../yolov5/output/masks/masks.js";
import type { Rle } from "../yolov5/output/masks/rle.js";
import { type Candidate, suppressRows } from "../yolov5/output/nms/nms.js";
import type { ResolvedNmsOptions } from "../yolov5/output/nms/nmsOptions.js";
import { rowFormat } from "../yolov5/output/nms/rowFormat.js";
import type { Speed } from "../yolov5/output/results.js";
import { type FoundObject, inPicture, mergeObjects, type ViewObject } from "../yolov5/slices/objects.js";
import { viewsOf } from "../yolov5/slices/views.js";
import type { EvaluationModel } from "./model.js";
import type { Placement } from "./targets.js";

export interface SlicedOptions {
  /** The longer side of the input, a multiple of the stride. */
  readonly side: number;
  readonly nms: ResolvedNmsOptions;
  readonly augment: boolean;
  readonly slices: ResolvedSlices;
}

/** The objects of a picture as candidates in its own pixels, with the placement that leaves them there. */
export interface SlicedFindings {
  readonly candidates: readonly Candidate[];
  readonly placement: Placement;
  /** For a segmentation model, at the size of the picture. */
  readonly masks: readonly Rle[] | undefined;
  readonly ms: Speed;
}

/** @returns undefined for a picture that is no larger than a window, which is measured as any other. */
export async function findInSlices(
  model: EvaluationModel,
  image: RgbImage,
  { side, nms, augment, slices }: SlicedOptions,
): Promise<SlicedFindings | undefined> {
  const { views } = viewsOf(image, slices, [side, side]);
  if (views.length === 1) return undefined;
  const ms = { preprocess: 0, inference: 0, postprocess: 0 };
  const objects: ViewObject[] = [];
  for (const [index, view] of views.entries()) {
    const started = performance.now();
    const whole = view.width === image.width && view.height === image.height;
    const picture = whole ? image : crop(image, view);
    const [{ size }] = rectBatches([picture], 1, side, model.info.stride);
    const { image: fitted, scaleBack } = validationLetterbox(picture, side, size);
    const input = toTensor([fitted]);
    const ready = performance.now();
    const outputs = await model.inferRows({ shape: input.shape, inputs: [input] }, { conf: nms.conf, augment });
    const ran = performance.now();
    const [candidates] = suppressRows(outputs.candidates, nms, rowFormat(model.info));
    const placement = { scaleBack, input: size, original: [view.height, view.width] } as const;
    const protos = model.info.task === "segment" ? prototypesOf(outputs.others[0]) : undefined;
    for (const candidate of candidates) {
      const { x1, y1, x2, y2, coefficients = new Float32Array(0) } = candidate;
      const mask = protos && processMask(protos, coefficients, [x1, y1, x2, y2], size);
      const found = inView(candidate, placement, model.info.keypoints?.size);
      const scaled = mask && scaleMask(mask, placement.original, scaleBack);
      objects.push(inPicture({ ...found, mask: scaled }, view, index, image));
    }
    ms.preprocess += ready - started;
    ms.inference += ran - ready;
    ms.postprocess += performance.now() - ran;
  }
  const started = performance.now();
  const { merge, threshold } = slices;
  const merged = mergeObjects(objects, views, image, {
    ...{ merge, threshold, agnostic: nms.agnostic, most: nms.maxDet },
  });
  ms.postprocess += performance.now() - started;
  const original = [image.height, image.width] as const;
  const empty: Rle = { counts: [image.width * image.height], size: original };
  return {
    candidates: merged.map(({ xyxy: [x1, y1, x2, y2], confidence, class: classIndex, keypoints }) => ({
      ...{ x1, y1, x2, y2, confidence, classIndex, row: 0 },
      ...(keypoints ? { keypoints: Float32Array.from(keypoints.flat() as number[]) } : {}),
    })),
    placement: { scaleBack: { gain: 1, padX: 0, padY: 0 }, loaded: original, input: original, original },
    masks: model.info.task === "segment" ? merged.map(({ mask }) => mask ?? empty) : undefined,
    ms,
  };
}

/** In pixels of the view, which `original` is. */
function inView(
  { x1, y1, x2, y2, confidence, classIndex, keypoints }: Candidate,
  { scaleBack, input, original }: Pick<Placement, "scaleBack" | "input" | "original">,
  size = 3,
): FoundObject {
  const { gain, padX, padY } = scaleBack;
  const points = Array.from({ length: (keypoints?.length ?? 0) / size }, (_, k): Keypoint => {
    const [px, py, ...rest] = (keypoints ?? []).slice(k * size, (k + 1) * size);
    return [
      scaleCoordinate(px, padX, gain, original[1]),
      scaleCoordinate(py, padY, gain, original[0]),
      ...(rest as [number?]),
    ];
  });
  return {
    xyxy: scaleBox([x1, y1, x2, y2], input, original, scaleBack),
    score: confidence,
    class: classIndex,
    keypoints: keypoints && points,
  };
}
