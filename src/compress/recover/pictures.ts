/** The pictures of a training run: read once, small enough for the network, and kept while there is room. */

import { DatasetError, ImageError } from "../../errors.js";
import type { GroundTruth } from "../../eval/dataset/types.js";
import { type RgbImage, resizeArea } from "../../image/index.js";
import { seededRandom } from "../../tensor/index.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import { type CalibrationSample, spread } from "../calibration/pictures.js";
import { augmented, type LabelledPicture } from "./augment.js";
import type { PlacedObjects } from "./labelLoss.js";

/** Bytes of pictures that are kept. */
const KEPT_BYTES = 512 * 2 ** 20;
const HELD_OUT_EVERY = 5;
const MOST_WATCHED = 32;
/** Of fewer pictures, none is held out. */
export const LEAST_TO_HOLD_OUT = 80;

export interface SplitPictures<T> {
  readonly trained: readonly T[];
  /** What the network is measured on. */
  readonly watched: readonly T[];
  /** The watched ones are not trained on, and must not be calibrated on either. */
  readonly heldOut: boolean;
}

/**
 * Of many pictures every fifth, at most 32, is held out. Of few, none is: they are missed in training, and so few would say less
 * about the network than chance does. Then some of those that are trained on are watched.
 * @param least how many are many
 */
export function splitPictures<T>(samples: readonly T[], least = LEAST_TO_HOLD_OUT): SplitPictures<T> {
  if (samples.length < least) {
    return { trained: samples, watched: spread(samples, MOST_WATCHED), heldOut: false };
  }
  const isHeldOut = (_: T, i: number): boolean => i % HELD_OUT_EVERY === 0 && i / HELD_OUT_EVERY < MOST_WATCHED;
  return {
    trained: samples.filter((sample, i) => !isHeldOut(sample, i)),
    watched: samples.filter(isHeldOut),
    heldOut: true,
  };
}

/** A picture to train on, perhaps with labels. */
export interface TrainingSample extends CalibrationSample {
  readonly truth?: GroundTruth | undefined;
}

/** Inputs of a step, [N, 3, size, size], and the labelled objects of each. */
export interface TrainingBatch {
  readonly input: Float32Array;
  readonly objects: readonly PlacedObjects[];
}

export interface TrainingPicturesOptions {
  /** Longer side of networks' inputs that the pictures are meant for. */
  readonly imgsz: number;
  readonly leastToHoldOut?: number | undefined;
  /** Told once of every picture that cannot be decoded; the next one is used in its place. */
  readonly onUnreadable?: ((error: ImageError) => void) | undefined;
}

export class TrainingPictures {
  readonly trained: readonly TrainingSample[];
  readonly watched: readonly TrainingSample[];
  private readonly kept = new Map<TrainingSample, RgbImage>();
  private readonly unreadable = new Set<TrainingSample>();
  private keptBytes = 0;

  constructor(
    samples: readonly TrainingSample[],
    private readonly options: TrainingPicturesOptions,
  ) {
    ({ trained: this.trained, watched: this.watched } = splitPictures(samples, options.leastToHoldOut));
  }

  async batch(step: number, seed: number, count: number, size: number): Promise<TrainingBatch> {
    const random = seededRandom(seed * 1_000_003 + step);
    const input = new Float32Array(count * 3 * size * size);
    const objects: PlacedObjects[] = [];
    for (let i = 0; i < count; i++) {
      const target = input.subarray(i * 3 * size * size, (i + 1) * 3 * size * size);
      const pick = (at: number) => this.readable(this.trained, Math.floor(at * this.trained.length));
      objects.push(await augmented(target, size, random, pick));
    }
    return { input, objects };
  }

  /** Watched pictures as they are, in batches; the last is filled with the first. */
  async watchedBatches(count: number, size: number): Promise<Float32Array[]> {
    const batches: Float32Array[] = [];
    for (let first = 0; first < this.watched.length; first += count) {
      const images: RgbImage[] = [];
      for (let i = 0; i < count; i++) {
        const options = { size: [size, size], stride: 32, auto: false } as const;
        const { image } = await this.readable(this.watched, first + i);
        images.push(letterbox(image, options).image);
      }
      batches.push(toTensor(images).data);
    }
    return batches;
  }

  /** @throws DatasetError if none can be read */
  private async readable(samples: readonly TrainingSample[], first: number): Promise<LabelledPicture> {
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[(first + i) % samples.length];
      if (this.unreadable.has(sample)) continue;
      try {
        return { image: await this.read(sample), truth: sample.truth };
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        this.unreadable.add(sample);
        this.options.onUnreadable?.(error);
      }
    }
    throw new DatasetError("recover: none of the pictures can be read");
  }

  private async read(sample: TrainingSample): Promise<RgbImage> {
    const known = this.kept.get(sample);
    if (known) return known;
    const image = await sample.load();
    const gain = this.options.imgsz / Math.max(image.width, image.height);
    const small =
      gain < 1
        ? resizeArea(image, Math.max(1, Math.round(image.width * gain)), Math.max(1, Math.round(image.height * gain)))
        : image;
    if (this.keptBytes + small.data.byteLength <= KEPT_BYTES) {
      this.kept.set(sample, small);
      this.keptBytes += small.data.byteLength;
    }
    return small;
  }
}
