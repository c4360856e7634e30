/** Options of `detect`, in both styles of names, with the defaults of detect.py or of the newer package; checked once. */

import { OptionError } from "../errors.js";
import { type ResolvedSlices, resolveSlices, type SliceOptions } from "../solutions/slices/options.js";
import { describeValue } from "../weights/describe.js";
import { signalOf } from "./calls/abort.js";
import { count, flag, shown } from "./calls/checks.js";
import type { Size } from "./output/boxes.js";
import { type ResolvedNmsOptions, resolveNmsOptions, type SuppressedModel } from "./output/nms/nmsOptions.js";

/** The letterbox: `rect` is detect.py's stride-minimal one, `square` the full size, `autoshape` the hub's common shape. */
export type Fit = "rect" | "square" | "autoshape";
const FITS: readonly Fit[] = ["rect", "square", "autoshape"];

/** Options of `detect` and similar calls. */
export interface DetectOptions {
  /** Input size in pixels: one number, or [height, width]. Default 640 (classification 224; int8: as calibrated). */
  readonly imgsz?: number | readonly [number, number] | undefined;
  /** Confidence threshold. Default 0.25. */
  readonly conf?: number | undefined;
  readonly confThres?: number | undefined;
  /** IoU threshold of NMS. Default 0.45; 0.7 for networks without anchors. */
  readonly iou?: number | undefined;
  readonly iouThres?: number | undefined;
  /** Maximum number of boxes per picture. Default 1000; 300 for networks without anchors. */
  readonly maxDet?: number | undefined;
  /** Keep only these class indices. */
  readonly classes?: readonly number[] | undefined;
  /** Run NMS across classes. */
  readonly agnostic?: boolean | undefined;
  readonly agnosticNms?: boolean | undefined;
  /** Report every class above the threshold, not only the best. */
  readonly multiLabel?: boolean | undefined;
  /** Test-time augmentation: three scales, one mirrored. */
  readonly augment?: boolean | undefined;
  /** Compute masks at the picture's own size. */
  readonly retinaMasks?: boolean | undefined;
  /** Default `rect`. */
  readonly fit?: Fit | undefined;
  /** Shorthand for `fit: "square"`. */
  readonly square?: boolean | undefined;
  /**
   * Find small objects in large pictures: the network detects in overlapping windows (`true`: of its own size; a number: of that
   * many pixels; or options) and in the whole picture, and the boxes are merged. Not for classification.
   */
  readonly slice?: boolean | number | SliceOptions | undefined;
  /** Called after every forward pass over the windows of a picture, with the number done and the total. */
  readonly onSlice?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Maximum number of pictures, or windows, per forward pass of `detect`. Default 1. */
  readonly batchSize?: number | undefined;
  /**
   * Maximum number of pixels of a picture file. Default: `load`'s option, otherwise 2^26 (decoding stays below 1 GB).
   */
  readonly maxPixels?: number | undefined;
  /**
   * Receives warnings about adjusted settings (an imgsz that is not a multiple of the stride) and about pictures that
   * are used although part of them is missing (truncated files).
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /**
   * Aborts: the promise rejects at once with the signal's reason, whether the call is waiting, downloading, decoding or running.
   * Pending work on the device ends unobserved.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Validated, with defaults filled in. */
export interface ResolvedOptions extends ResolvedNmsOptions {
  readonly imgsz: readonly [number, number] | undefined;
  readonly augment: boolean;
  readonly retinaMasks: boolean;
  readonly fit: Fit;
  readonly slice: ResolvedSlices | undefined;
  readonly onSlice: NonNullable<DetectOptions["onSlice"]>;
  readonly batchSize: number;
  /** Undefined: as `load` says. */
  readonly maxPixels: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onWarning: (message: string) => void;
}

/**
 * @param model that they are for
 * @throws OptionError naming the option and its value.
 */
export function resolveOptions(options: DetectOptions, model: SuppressedModel): ResolvedOptions {
  const fit = options.fit ?? (options.square ? "square" : "rect");
  if (!FITS.includes(fit))
    throw new OptionError(`fit must be one of ${FITS.join(", ")}, got ${describeValue(fit)}`, { fit });
  const sizes = typeof options.imgsz === "number" ? [options.imgsz, options.imgsz] : options.imgsz;
  if (sizes && !(Array.isArray(sizes) && sizes.length === 2)) {
    throw new OptionError(
      `imgsz must be one number or [height, width], got ${Array.isArray(sizes) ? `[${sizes.slice(0, 4).map(shown)}]` : shown(sizes)}`,
    );
  }
  for (const size of sizes ?? []) {
    if (!Number.isInteger(size) || size < 1 || size > 16384) {
      throw new OptionError(`imgsz must be whole pixels between 1 and 16384, got ${shown(size)}`, { size });
    }
  }
  const { conf, confThres, iou, iouThres, agnostic, agnosticNms, maxDet, classes, multiLabel } = options;
  return {
    ...resolveNmsOptions(
      {
        conf: conf ?? confThres,
        iou: iou ?? iouThres,
        agnostic: agnostic ?? agnosticNms,
        maxDet,
        classes,
        multiLabel,
      },
      model,
    ),
    imgsz: sizes && [sizes[0], sizes[1]],
    augment: flag(options.augment ?? false, "augment"),
    retinaMasks: flag(options.retinaMasks ?? false, "retinaMasks"),
    fit,
    slice: resolveSlices(options.slice),
    onSlice: options.onSlice ?? (() => undefined),
    batchSize: count(options.batchSize ?? 1, "batchSize"),
    maxPixels: options.maxPixels === undefined ? undefined : count(options.maxPixels, "maxPixels"),
    signal: signalOf(options.signal),
    onWarning: options.onWarning ?? (() => undefined),
  };
}

/** @throws OptionError for another size than the only one of an ONNX export that decodes its head itself. */
export function checkOnlySize(
  { onlyImgsz, path = "the model" }: { readonly onlyImgsz?: Size | undefined; readonly path?: string },
  imgsz: number | readonly [number, number],
): void {
  if (!onlyImgsz) return;
  const [height, width] = typeof imgsz === "number" ? [imgsz, imgsz] : imgsz;
  const [h, w] = onlyImgsz;
  if (height === h && width === w) return;
  throw new OptionError(
    `imgsz ${height}×${width}: ${path} runs only at ${h}×${w}, as the file's own operators decode its head; leave out imgsz`,
  );
}

/** Rounds sides up to multiples of the stride, like check_img_size, with a warning if that changes them. */
export function checkImageSize(
  [height, width]: readonly [number, number],
  stride: number,
  onWarning: (message: string) => void,
): [number, number] {
  const fitted: [number, number] = [Math.ceil(height / stride) * stride, Math.ceil(width / stride) * stride];
  if (fitted[0] !== height || fitted[1] !== width) {
    const text = (a: number, b: number): string => (a === b ? `${a}` : `${a} ${b}`);
    onWarning(
      `imgsz ${text(height, width)} must be a multiple of the largest stride ${stride}; using ${text(fitted[0], fitted[1])}`,
    );
  }
  return fitted;
}
