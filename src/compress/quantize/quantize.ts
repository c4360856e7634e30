/** Float model and pictures in, int8 model out: planning, calibration and conversion in one call. */

import { Breather } from "../../breathe.js";
import { OptionError } from "../../errors.js";
import type { RgbImage } from "../../image/index.js";
import type { Graph } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { exportSafetensors } from "../../yolov5/checkpoint/exportSafetensors.js";
import { isQuantized } from "../../yolov5/checkpoint/quantized.js";
import { CLASSIFY_TRANSFORMS } from "../../yolov5/input/classifyTransform.js";
import { letterbox, toTensor } from "../../yolov5/input/letterbox.js";
import type { Member } from "../../yolov5/model.js";
import { checkImageSize } from "../../yolov5/options.js";
import { type Calibration, type CalibrationOptions, calibrate } from "./calibrate.js";
import { quantizeModulePieces } from "./convert.js";
import { type PlanOptions, planQuantization, type QuantizationPlan } from "./plan.js";
import type { CalibrationMethod } from "./ranges.js";
import { layersThatHurt, noiseOfLayers } from "./sensitivity.js";

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** [height, width] of the network's input. Default 640, for classification 224. */
  readonly imgsz?: readonly [number, number] | undefined;
  /** Default `percentile`. */
  readonly method?: CalibrationMethod | undefined;
  /** Percentage of values kept on each side. Default 99.999. */
  readonly percentile?: number | undefined;
  /** Whether the last layers of a detection head with anchors read bytes too: faster; measure what it costs. Default false. */
  readonly head?: boolean | undefined;
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
  /** Number of the head's last layers that read bytes; absent where none does. */
  readonly head?: number;
  /** Paths of convolutions that stayed float32 because they suffer too much; absent where there are none. */
  readonly float32?: readonly string[];
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
  const { method = "percentile", percentile, head, signal, onPicture, onWarning = () => undefined } = options;
  const classify = info.task === "classify";
  const transform = CLASSIFY_TRANSFORMS[info.family];
  const wanted = options.imgsz ?? info.defaultImgsz;
  const [height, width] = classify ? wanted : checkImageSize(wanted, info.stride, onWarning);
  const { graph } = network.build([1, 3, height, width]);
  async function* inputs(): AsyncGenerator<HostTensor> {
    for await (const image of images) {
      yield classify
        ? transform.toTensor([transform.crop(image, height)])
        : toTensor([letterbox(image, { size: [height, width], stride: info.stride, auto: false }).image]);
    }
  }
  const quantized = await quantizeTree(network.backend, network.module, graph, inputs(), {
    imgsz: [height, width],
    method,
    percentile,
    head,
    signal,
    onInput: onPicture,
  });
  if (head && quantized.facts.head === undefined) {
    onWarning(`${info.path}: has no detection head with anchors, so none reads bytes`);
  }
  return quantized;
}

/** Inputs on which convolutions are compared in both precisions. */
const COMPARED = 2;

type TreeOptions = CalibrationOptions & Pick<PlanOptions, "head"> & { readonly imgsz: readonly [number, number] };

/** A network that can be quantized, with its own weights or with others. */
export interface CalibratedTree {
  readonly plan: QuantizationPlan;
  readonly calibration: Calibration;
  readonly facts: QuantizationFacts;
}

/**
 * A tree with its convolutions in int8, but for those that suffer most.
 * @param built its graph as built
 * @param inputs of the graph's shape
 */
export async function quantizeTree(
  backend: Backend,
  root: ModuleNode,
  built: Graph,
  inputs: AsyncIterable<HostTensor>,
  options: TreeOptions,
): Promise<QuantizedModule> {
  const { plan, calibration, facts } = await calibrateTree(backend, root, built, inputs, options);
  return { module: await new Breather(options.signal).through(quantizeModulePieces(root, plan, calibration)), facts };
}

/** Which convolutions of a tree are to be in int8, and how; parameters as of `quantizeTree`. */
export async function calibrateTree(
  backend: Backend,
  root: ModuleNode,
  built: Graph,
  inputs: AsyncIterable<HostTensor>,
  options: TreeOptions,
): Promise<CalibratedTree> {
  const { imgsz, method, head, signal } = options;
  const plan = planQuantization(root, built, { head });
  const compared: HostTensor[] = [];
  async function* noted(): AsyncGenerator<HostTensor> {
    for await (const input of inputs) {
      if (compared.length < COMPARED) compared.push(input);
      yield input;
    }
  }
  const calibration = await calibrate(backend, plan, noted(), options);
  const left = layersThatHurt(plan, await noiseOfLayers(backend, plan, calibration, compared, signal));
  const chosen = left.length === 0 ? plan : planQuantization(root, built, { except: new Set(left), head });
  return {
    plan: chosen,
    calibration,
    facts: {
      calibration: method,
      images: calibration.inputs,
      imgsz,
      convolutions: chosen.convolutions.size,
      ...(chosen.wide.size > 0 ? { head: chosen.wide.size } : {}),
      ...(left.length > 0 ? { float32: left } : {}),
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
