/**
 * Labelled pictures → their detections, matched with the labels: what `evaluate` does for each batch, independent of
 * the other batches.
 */

import type { RgbImage } from "../image/types.js";
import type { ResolvedSlices } from "../solutions/slices/options.js";
import { batchItem, type HostTensor } from "../tensor/index.js";
import { toTensor, wholePictures } from "../yolov5/input/letterbox.js";
import {
  type DetectionFit,
  detectionLetterbox,
  type ValidationImage,
  validationLetterbox,
} from "../yolov5/input/letterboxVariants.js";
import type { NetworkInput } from "../yolov5/input/preprocess.js";
import type { Size } from "../yolov5/output/boxes.js";
import { segmentedDetectionsFrom } from "../yolov5/output/detections.js";
import { prototypesOf } from "../yolov5/output/masks/masks.js";
import { type BinaryMask, type Rle, rleToMask } from "../yolov5/output/masks/rle.js";
import { type Candidate, suppressRows } from "../yolov5/output/nms/nms.js";
import type { ResolvedNmsOptions } from "../yolov5/output/nms/nmsOptions.js";
import { rowFormat } from "../yolov5/output/nms/rowFormat.js";
import type { Speed } from "../yolov5/output/results.js";
import type { Sample } from "./dataset/types.js";
import { keypointSimilarity } from "./keypoints.js";
import { labelMasks, labelMasksInPicture, maskIou, predictedMasks, sampledMask } from "./masks.js";
import { boxIou, matchDetections } from "./metrics/matching.js";
import type { PictureMatches } from "./metrics/metrics.js";
import type { EvaluationModel } from "./model.js";
import { findInSlices } from "./slicedPicture.js";
import { type DetectionColumns, detectionsInPixels, labelBoxesInPixels, type Placement } from "./targets.js";

export interface PlannedSample<S = Sample> {
  readonly sample: S;
  /** Height and width of the network's input. */
  readonly size: Size;
}

export interface MeasureOptions {
  /** The longer side of the input, a multiple of the stride. */
  readonly side: number;
  readonly nms: ResolvedNmsOptions;
  readonly augment: boolean;
  readonly singleClass: boolean;
  /** Fit pictures as `detect` does; absent: as `val.py`. */
  readonly fit?: DetectionFit | undefined;
  /** Look at windows of each picture; absent: at the picture. */
  readonly slices?: ResolvedSlices | undefined;
}

/** One picture's labels and detections, in pixels of the original. */
export interface PictureFindings {
  readonly image: RgbImage;
  readonly labelBoxes: Float32Array;
  readonly labelClasses: Int32Array;
  readonly detections: DetectionColumns;
  /** The boxes kept by NMS, in pixels of the input. */
  readonly candidates: readonly Candidate[];
  readonly placement: Placement;
  /** [1, 32, H/4, W/4], for a segmentation model. */
  readonly prototypes: HostTensor | undefined;
  /** At the size of the picture, where windows were merged (in place of prototypes) and where pictures are treated as `detect` does. */
  readonly masks?: readonly Rle[] | undefined;
}

export interface MeasuredPicture extends PictureFindings {
  readonly matches: PictureMatches;
  /** For a segmentation model. */
  readonly maskMatches: PictureMatches | undefined;
  /** By object keypoint similarity, for a pose model. */
  readonly poseMatches: PictureMatches | undefined;
}

export interface MeasuredBatch {
  /** One for each sample; an error if its picture could not be read. */
  readonly pictures: readonly (MeasuredPicture | Error)[];
  /** Milliseconds of the whole batch. */
  readonly ms: Speed;
}

/** Pixels of the picture for one of the grid that masks are compared on, as prototypes have. */
const MASK_STRIDE = 4;

interface Loaded extends PlannedSample {
  readonly image: RgbImage;
  readonly fitted: ValidationImage;
  readonly ms: number;
}

/** What was found in a picture, before it is matched with its labels. */
type Found = Pick<PictureFindings, "image" | "candidates" | "placement" | "prototypes" | "masks">;

export class PictureMeasurer {
  private readonly model: EvaluationModel;
  private readonly options: MeasureOptions;

  constructor(model: EvaluationModel, options: MeasureOptions) {
    this.model = model;
    this.options = options;
  }

  /**
   * @param batch samples with the same input size, which share a forward pass.
   * @throws what the backend throws.
   */
  async measure(batch: readonly PlannedSample[]): Promise<MeasuredBatch> {
    return this.options.slices ? this.measureSlices(batch) : this.measureWhole(batch);
  }

  /** Windows of one picture after the other. */
  private async measureSlices(batch: readonly PlannedSample[]): Promise<MeasuredBatch> {
    const pictures: (MeasuredPicture | Error)[] = [];
    const ms = { preprocess: 0, inference: 0, postprocess: 0 };
    const { side, nms, augment, slices } = this.options;
    for (const item of batch) {
      let image: RgbImage;
      try {
        image = await item.sample.load();
      } catch (error) {
        pictures.push(error as Error);
        continue;
      }
      const found = slices && (await findInSlices(this.model, image, { side, nms, augment, slices }));
      if (found) pictures.push(this.match(item.sample, { ...found, image, prototypes: undefined }));
      const measured =
        found ?? (await this.measureWhole([{ ...item, sample: { ...item.sample, load: async () => image } }]));
      if (!found) pictures.push(...(measured as MeasuredBatch).pictures);
      for (const key of ["preprocess", "inference", "postprocess"] as const) ms[key] += measured.ms[key];
    }
    return { pictures, ms };
  }

  private async measureWhole(batch: readonly PlannedSample[]): Promise<MeasuredBatch> {
    const loaded: (Loaded | Error)[] = [];
    for (const item of batch) loaded.push(await this.load(item));
    const readable = loaded.filter((entry): entry is Loaded => !(entry instanceof Error));
    if (readable.length === 0) {
      return {
        pictures: loaded as Error[],
        ms: { preprocess: 0, inference: 0, postprocess: 0 },
      };
    }
    const { nms, augment } = this.options;
    const started = performance.now();
    const input = this.input(readable.map(({ fitted }) => fitted.image));
    const ready = performance.now();
    const outputs = await this.model.inferRows(input, { conf: nms.conf, augment });
    const ran = performance.now();
    const kept = suppressRows(outputs.candidates, nms, rowFormat(this.model.info));
    const ms = {
      preprocess: ready - started + readable.reduce((sum, entry) => sum + entry.ms, 0),
      inference: ran - ready,
      postprocess: performance.now() - ran,
    };
    const [prototypes] = outputs.others;
    let next = 0;
    const pictures = loaded.map((entry) => {
      if (entry instanceof Error) return entry;
      const n = next++;
      const { sample, image, size, fitted } = entry;
      const { scaleBack, loaded: inner } = fitted;
      const placement: Placement = { scaleBack, loaded: inner, input: size, original: [image.height, image.width] };
      const own = prototypes && batchItem(prototypes, n);
      const masks = own && this.options.fit && this.detectedMasks(kept[n], own, placement);
      return this.match(sample, { image, candidates: kept[n], placement, prototypes: own, masks });
    });
    return { pictures, ms };
  }

  /** The masks that `detect` gives. */
  private detectedMasks(candidates: readonly Candidate[], prototypes: HostTensor, placement: Placement): Rle[] {
    const { names } = this.model.info;
    const { input, original } = placement;
    const picturing = { input, original, names, family: this.options.fit?.family };
    return segmentedDetectionsFrom(candidates, prototypesOf(prototypes), picturing).map(({ mask }) => mask);
  }

  /** Pictures of the input's size as one batch. Augmentation works on the tensor. */
  private input(images: readonly RgbImage[]): NetworkInput {
    if (!this.model.fitsPictures || this.options.augment) {
      const tensor = toTensor(images);
      return { shape: tensor.shape, inputs: [tensor] };
    }
    const [{ width, height }] = images;
    return { shape: [images.length, 3, height, width], pictures: wholePictures(images) };
  }

  private async load({ sample, size }: PlannedSample): Promise<Loaded | Error> {
    let image: RgbImage;
    try {
      image = await sample.load();
    } catch (error) {
      return error as Error;
    }
    const started = performance.now();
    const { side, fit } = this.options;
    const fitted = fit ? detectionLetterbox(image, side, fit) : validationLetterbox(image, side, size);
    return { sample, size, image, fitted, ms: performance.now() - started };
  }

  private match({ truth }: Sample, { image, candidates, placement, prototypes, masks }: Found): MeasuredPicture {
    const { singleClass } = this.options;
    const found = detectionsInPixels(candidates, placement);
    const detections = singleClass ? { ...found, classes: new Int32Array(found.classes.length) } : found;
    const labelClasses = singleClass ? new Int32Array(truth.classes.length) : truth.classes;
    const labelBoxes = labelBoxesInPixels(truth.boxes, placement);
    const { confidences, classes } = detections;
    const matchesOf = (iou: Float32Array): PictureMatches => ({
      correct: matchDetections({ iou, labelClasses, detectionClasses: classes }),
      confidences,
      classes,
      labelClasses,
    });
    const maskMatches = (labels: readonly BinaryMask[], predicted: readonly BinaryMask[]): PictureMatches =>
      matchesOf(maskIou({ masks: labels, classes: labelClasses }, { masks: predicted, classes }));
    const masksOf = (): PictureMatches | undefined => {
      if (masks && this.options.fit) {
        return maskMatches(labelMasksInPicture(truth, placement.original), masks.map(rleToMask));
      }
      if (masks) {
        const [height, width] = placement.original.map((side) => Math.ceil(side / MASK_STRIDE));
        return maskMatches(
          labelMasks(truth, placement, [height, width]),
          masks.map((mask) => sampledMask(mask, [height, width])),
        );
      }
      if (!prototypes) return undefined;
      const plane = prototypesOf(prototypes);
      const labels = labelMasks(truth, placement, [plane.height, plane.width]);
      return maskMatches(labels, predictedMasks(plane, candidates, placement.input));
    };
    const { task, keypoints } = this.model.info;
    const poseMatches = (numbers: number): PictureMatches =>
      matchesOf(keypointSimilarity(truth, labelBoxes, candidates, numbers, placement));
    return {
      image,
      labelBoxes,
      labelClasses,
      detections,
      candidates,
      placement,
      prototypes,
      matches: matchesOf(boxIou(labelBoxes, detections.boxes)),
      masks,
      maskMatches: task === "segment" ? masksOf() : undefined,
      poseMatches: keypoints && poseMatches(keypoints.size ?? 3),
    };
  }
}
