/** The pictures of a training run: read once, small enough for the network, and kept while there is room. */

import { type RgbImage, resizeArea } from "../../image/index.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import type { CalibrationSample } from "../calibration/pictures.js";
import { augmented, randomNumbers } from "./augment.js";

/** Bytes of pictures that are kept. */
const KEPT_BYTES = 512 * 2 ** 20;
/** Every so many pictures one is held out, and at most so many. */
const HELD_OUT_EVERY = 8;
const MOST_HELD_OUT = 24;

export class TrainingPictures {
  readonly heldOut: readonly CalibrationSample[];
  private readonly trained: readonly CalibrationSample[];
  private readonly kept = new Map<CalibrationSample, RgbImage>();
  private keptBytes = 0;

  /** @param imgsz longer side of networks' inputs that the pictures are meant for */
  constructor(
    samples: readonly CalibrationSample[],
    private readonly imgsz: number,
  ) {
    const isHeldOut = (i: number): boolean =>
      samples.length > 1 && i % HELD_OUT_EVERY === 0 && i / HELD_OUT_EVERY < MOST_HELD_OUT;
    this.heldOut = samples.length > 1 ? samples.filter((_, i) => isHeldOut(i)) : samples;
    this.trained = samples.length > 1 ? samples.filter((_, i) => !isHeldOut(i)) : samples;
  }

  /** The batch of a step, [N, 3, size, size]. */
  async batch(step: number, seed: number, count: number, size: number): Promise<Float32Array> {
    const random = randomNumbers(seed * 1_000_003 + step);
    const input = new Float32Array(count * 3 * size * size);
    for (let i = 0; i < count; i++) {
      const target = input.subarray(i * 3 * size * size, (i + 1) * 3 * size * size);
      const pick = (at: number): Promise<RgbImage> => this.read(this.trained[Math.floor(at * this.trained.length)]);
      await augmented(target, size, this.imgsz, random, pick);
    }
    return input;
  }

  /** Held-out pictures as they are, in batches; the last is filled with the first. */
  async heldOutBatches(count: number, size: number): Promise<Float32Array[]> {
    const batches: Float32Array[] = [];
    for (let first = 0; first < this.heldOut.length; first += count) {
      const images: RgbImage[] = [];
      for (let i = 0; i < count; i++) {
        const sample = this.heldOut[(first + i) % this.heldOut.length];
        const options = { size: [size, size], stride: 32, auto: false } as const;
        images.push(letterbox(await this.read(sample), options).image);
      }
      batches.push(toTensor(images).data);
    }
    return batches;
  }

  private async read(sample: CalibrationSample): Promise<RgbImage> {
    const known = this.kept.get(sample);
    if (known) return known;
    const image = await sample.load();
    const gain = this.imgsz / Math.max(image.width, image.height);
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
