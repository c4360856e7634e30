/** Pictures → the network's input: letterboxed or cropped here, or left to a backend that does it on its device. */

import { type ResizeAxis, type RgbImage, resizeAxes } from "../../image/index.js";
import type { Backend, FittedPicture, PackedPixels } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModelInfo } from "../checkpoint/modelInfo.js";
import { checkImageSize, type ResolvedOptions } from "../options.js";
import type { Size } from "../output/boxes.js";
import { classifyTransform } from "./classifyTransform.js";
import { type LetterboxPlan, letterboxPlan, place, toTensor } from "./letterbox.js";
import { autoShapeSize } from "./letterboxVariants.js";

/** A picture at the network's size, or one that the device will bring to it. */
export interface Fitted {
  /** Height and width of the network's input. */
  readonly size: Size;
  readonly content: RgbImage | FittedPicture;
  readonly ms: number;
}

/** A picture that is to be brought to the network's size. */
export interface Fitting {
  /** Height and width of the network's input. */
  readonly size: Size;
  readonly make: () => Fitted;
}

/** A batch for the network: [N, 3, H, W], or pictures that become it on the device. */
export type NetworkInput =
  | { readonly shape: readonly number[]; readonly tensor: HostTensor; readonly pictures?: undefined }
  | { readonly shape: readonly number[]; readonly pictures: readonly FittedPicture[]; readonly tensor?: undefined };

/** Pairs of sizes whose resize tables are kept. */
const MOST_TABLES = 16;

export class Preprocessor {
  private readonly info: Pick<ModelInfo, "task" | "stride" | "defaultImgsz">;
  private readonly backend: Pick<Backend, "capabilities">;
  private readonly tables = new Map<string, { readonly columns: ResizeAxis; readonly rows: ResizeAxis }>();

  constructor(info: Pick<ModelInfo, "task" | "stride" | "defaultImgsz">, backend: Pick<Backend, "capabilities">) {
    this.info = info;
    this.backend = backend;
  }

  /** [height, width] of the network's input for an `imgsz`; default the model's own `defaultImgsz`. */
  inputSize(imgsz: number | readonly [number, number] | undefined, onWarning = (_: string): void => {}): Size {
    const size = imgsz ?? this.info.defaultImgsz;
    return checkImageSize(typeof size === "number" ? [size, size] : size, this.info.stride, onWarning);
  }

  fit(images: readonly RgbImage[], options: ResolvedOptions): Fitted[] {
    return this.plan(images, options).map(({ make }) => make());
  }

  /** What `fit` will do, with the sizes of the network's inputs: nothing is computed or allocated yet. */
  plan(images: readonly RgbImage[], options: ResolvedOptions): Fitting[] {
    if (this.info.task === "classify") {
      const [side] = this.inputSize(options.imgsz, options.onWarning);
      return images.map((image) => fitting([side, side], () => classifyTransform.crop(image, side)));
    }
    const { stride } = this.info;
    // AutoShape takes any size: the common shape that it finds is a multiple of the stride anyway.
    const size =
      options.fit === "autoshape"
        ? autoShapeSize(images, Math.max(...(options.imgsz ?? this.info.defaultImgsz)), stride)
        : this.inputSize(options.imgsz, options.onWarning);
    const auto = options.fit === "rect";
    // Test-time augmentation works on the tensor.
    const onDevice = this.backend.capabilities.fitsPictures && !(options.augment && this.info.task === "detect");
    return images.map((image) => {
      const plan = letterboxPlan(image, { size, stride, auto });
      return fitting([plan.height, plan.width], () =>
        onDevice ? this.fitted(packed(image), plan) : place(image, plan),
      );
    });
  }

  /** Pictures of one size as one batch. */
  input(batch: readonly Fitted[]): NetworkInput {
    const images: RgbImage[] = [];
    const pictures: FittedPicture[] = [];
    for (const { content } of batch) {
      if ("pixels" in content) pictures.push(content);
      else images.push(content);
    }
    if (pictures.length > 0) return { shape: [batch.length, 3, ...batch[0].size], pictures };
    const tensor = this.info.task === "classify" ? classifyTransform.toTensor(images) : toTensor(images);
    return { shape: tensor.shape, tensor };
  }

  private fitted(pixels: PackedPixels, { content, color }: LetterboxPlan): FittedPicture {
    const { x, y, width, height } = content;
    const key = [pixels.width, pixels.height, width, height].join();
    const tables = this.tables.get(key) ?? resizeAxes(pixels, width, height);
    // Most recently used last; the least recently used one goes.
    this.tables.delete(key);
    this.tables.set(key, tables);
    for (const oldest of this.tables.keys()) {
      if (this.tables.size <= MOST_TABLES) break;
      this.tables.delete(oldest);
    }
    return { pixels, x, y, ...tables, grey: color };
  }
}

/** Not a copy, which would ask for the bytes of a picture that need not be read. */
function packed(image: RgbImage): PackedPixels {
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

function fitting(size: Size, work: () => Fitted["content"]): Fitting {
  const make = (): Fitted => {
    const started = performance.now();
    const content = work();
    return { size, content, ms: performance.now() - started };
  };
  return { size, make };
}
