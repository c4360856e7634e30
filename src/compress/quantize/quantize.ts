/** Float model and pictures in, int8 model out: planning, calibration and conversion in one call. */

import { Breather } from "../../breathe.js";
import { OptionError, UnsupportedError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { exportSafetensors } from "../../yolov5/checkpoint/exportSafetensors.js";
import { isQuantized } from "../../yolov5/checkpoint/quantized.js";
import { CLASSIFY_TRANSFORMS } from "../../yolov5/input/classifyTransform.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import type { Member } from "../../yolov5/model.js";
import { checkImageSize } from "../../yolov5/options.js";
import { calibrate } from "./calibrate.js";
import { quantizeModulePieces } from "./convert.js";
import { planQuantization } from "./plan.js";
import type { CalibrationMethod } from "./ranges.js";

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** [height, width] of the network's input. Default 640, for classification 224. */
  readonly imgsz?: readonly [number, number] | undefined;
  /** Default `percentile`. */
  readonly method?: CalibrationMethod | undefined;
  /** Percentage of values kept on each side. Default 99.999. */
  readonly percentile?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each picture with the number of pictures so far. */
  readonly onPicture?: ((done: number) => void) | undefined;
  /** Receives a warning about anything that may cost accuracy. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** How a model was quantized, for its file's metadata. */
export interface QuantizationFacts {
  readonly calibration: CalibrationMethod;
  readonly images: number;
  readonly imgsz: readonly [number, number];
  /** Number of convolutions in int8. */
  readonly convolutions: number;
}

export interface QuantizedModule {
  readonly module: ModuleNode;
  readonly facts: QuantizationFacts;
}

/** Decoded pictures. */
export type Images = AsyncIterable<RgbImage> | Iterable<RgbImage>;

/**
 * The member's tree with its convolutions in int8, calibrated on its own backend.
 * @throws OptionError for a model that is already int8, or without pictures.
 */
export async function quantizeMember(
  { info, network }: Member,
  images: Images,
  options: QuantizeOptions = {},
): Promise<QuantizedModule> {
  if (isQuantized(network.module)) {
    throw new OptionError(`${info.path}: is already int8; give the checkpoint it was made from`);
  }
  if (info.family === "ultralytics") {
    throw new UnsupportedError(
      `${info.path}: int8 is for YOLOv5 checkpoints of v3.0 to v7.0, not for the newer package's (YOLOv5u, v8, 11, 26); use float16 (--half) instead`,
    );
  }
  const { method = "percentile", percentile, signal, onPicture, onWarning = () => undefined } = options;
  const classify = info.task === "classify";
  const transform = CLASSIFY_TRANSFORMS[info.family];
  const wanted = options.imgsz ?? info.defaultImgsz;
  const [height, width] = classify ? wanted : checkImageSize(wanted, info.stride, onWarning);
  const plan = planQuantization(network.module, network.build([1, 3, height, width]).graph);
  async function* inputs(): AsyncGenerator<HostTensor> {
    for await (const image of images) {
      yield classify
        ? transform.toTensor([transform.crop(image, height)])
        : toTensor([letterbox(image, { size: [height, width], stride: info.stride, auto: false }).image]);
    }
  }
  const calibration = await calibrate(network.backend, plan, inputs(), {
    method,
    percentile,
    signal,
    onInput: onPicture,
  });
  return {
    module: await new Breather(signal).through(quantizeModulePieces(network.module, plan, calibration)),
    facts: {
      calibration: method,
      images: calibration.inputs,
      imgsz: [height, width],
      convolutions: plan.convolutions.size,
    },
  };
}

/** `quantize` of the public interface: the bytes of a quantized safetensors file. @throws OptionError for an ensemble. */
export async function quantizeToFile(
  members: readonly Member[],
  images: Images,
  options: QuantizeOptions = {},
): Promise<Uint8Array> {
  const [member] = members;
  if (members.length !== 1) throw new OptionError(`quantize: an ensemble of ${members.length} is not one model`);
  const { module, facts } = await quantizeMember(member, images, options);
  const metadata = new Map([["int8", JSON.stringify(facts)]]);
  return exportSafetensors({ module, checkpoint: { format: "safetensors", extra: new Map() } }, member.info, {
    metadata,
  });
}
