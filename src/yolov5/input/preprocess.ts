/** Pictures → the network's input: letterboxed or cropped here, or by a backend on its device. */

import { type ResizeAxis, type RgbImage, resizeAxes } from "../../image/index.js";
import type { Backend, DevicePicture, RunInput } from "../../runtime/backend.js";
import type { ModelInfo } from "../checkpoint/modelInfo.js";
import { checkImageSize, checkOnlySize, type ResolvedOptions } from "../options.js";
import type { Size } from "../output/boxes.js";
import { CLASSIFY_TRANSFORMS } from "./classifyTransform.js";
import { type LetterboxPlan, letterboxPlan, place, toTensor } from "./letterbox.js";
import { autoShapeSize } from "./letterboxVariants.js";
import type { Picture } from "./pictures.js";

/** A picture with a known input size; nothing is computed or allocated yet. */
export interface PlannedPicture {
  readonly picture: Picture;
  /** Height and width of the network's input. */
  readonly size: Size;
  readonly make: () => FittedPicture;
}

/** A picture at the network's size, or one that the device will resize. */
export interface FittedPicture {
  readonly picture: Picture;
  readonly size: Size;
  readonly content: RgbImage | DevicePicture;
  readonly ms: number;
}

/** A batch for the network: one tensor [N, 3, H, W], or pictures that the device turns into one. */
export type NetworkInput = RunInput & { readonly shape: readonly number[] };

/** What of a model its input depends on. */
export type PreprocessedModel = Pick<ModelInfo, "task" | "stride" | "defaultImgsz"> &
  Partial<Pick<ModelInfo, "family" | "onlyImgsz" | "path">>;

/** Number of resize tables to cache. */
const MOST_TABLES = 16;

export class Preprocessor {
  private readonly info: PreprocessedModel;
  private readonly backend: Pick<Backend, "capabilities">;
  private readonly tables = new Map<string, { readonly columns: ResizeAxis; readonly rows: ResizeAxis }>();

  constructor(info: PreprocessedModel, backend: Pick<Backend, "capabilities">) {
    this.info = info;
    this.backend = backend;
  }

  /** [height, width] of the network's input for an `imgsz`. Default: the model's `defaultImgsz`. */
  inputSize(imgsz: number | readonly [number, number] | undefined, onWarning = (_: string): void => {}): Size {
    const size = imgsz ?? this.info.defaultImgsz;
    checkOnlySize(this.info, size);
    return checkImageSize(typeof size === "number" ? [size, size] : size, this.info.stride, onWarning);
  }

  plan(pictures: readonly Picture[], options: ResolvedOptions): PlannedPicture[] {
    if (this.info.task === "classify") {
      const [side] = this.inputSize(options.imgsz, options.onWarning);
      const transform = CLASSIFY_TRANSFORMS[this.info.family ?? "yolov5"];
      return pictures.map((picture) => planned(picture, [side, side], () => transform.crop(picture.image, side)));
    }
    const { stride, onlyImgsz } = this.info;
    // AutoShape accepts any size: the common shape it computes is a multiple of the stride anyway.
    const size =
      options.fit === "autoshape" && !onlyImgsz
        ? autoShapeSize(
            pictures.map(({ image }) => image),
            Math.max(...(options.imgsz ?? this.info.defaultImgsz)),
            stride,
          )
        : this.inputSize(options.imgsz, options.onWarning);
    const auto = options.fit === "rect" && !onlyImgsz;
    // Test-time augmentation works on the tensor.
    const onDevice = this.backend.capabilities.fitsPictures && !(options.augment && this.info.task === "detect");
    return pictures.map((picture) => {
      const { image } = picture;
      const plan = letterboxPlan(image, { size, stride, auto });
      return planned(picture, [plan.height, plan.width], () =>
        onDevice ? this.forDevice(image, plan) : place(image, plan),
      );
    });
  }

  /** Pictures of one size as one batch. */
  input(batch: readonly FittedPicture[]): NetworkInput {
    const images: RgbImage[] = [];
    const pictures: DevicePicture[] = [];
    for (const { content } of batch) {
      if ("pixels" in content) pictures.push(content);
      else images.push(content);
    }
    if (pictures.length > 0) return { shape: [batch.length, 3, ...batch[0].size], pictures };
    const tensor =
      this.info.task === "classify"
        ? CLASSIFY_TRANSFORMS[this.info.family ?? "yolov5"].toTensor(images)
        : toTensor(images);
    return { shape: tensor.shape, inputs: [tensor] };
  }

  private forDevice(image: RgbImage, { content, color }: LetterboxPlan): DevicePicture {
    const { x, y, width, height } = content;
    const key = [image.width, image.height, width, height].join();
    const tables = this.tables.get(key) ?? resizeAxes(image, width, height);
    // Most recently used last; the least recently used one is evicted.
    this.tables.delete(key);
    this.tables.set(key, tables);
    for (const oldest of this.tables.keys()) {
      if (this.tables.size <= MOST_TABLES) break;
      this.tables.delete(oldest);
    }
    return { pixels: pixelsOf(image), x, y, ...tables, grey: color };
  }
}

/** Does not copy, which would read the bytes of a picture on the device. */
function pixelsOf(image: RgbImage): DevicePicture["pixels"] {
  const { width, height, drawable } = image;
  return drawable
    ? {
        width,
        height,
        channels: 3,
        drawable,
        get data() {
          return image.data;
        },
      }
    : { width, height, channels: 3, data: image.data };
}

function planned(picture: Picture, size: Size, work: () => FittedPicture["content"]): PlannedPicture {
  const make = (): FittedPicture => {
    const started = performance.now();
    const content = work();
    return { picture, size, content, ms: performance.now() - started };
  };
  return { picture, size, make };
}
