/** Checkpoint bytes → members of a model: opens, recognises and puts them on a backend. */

import { atOnce, type Pieces } from "../breathe.js";
import { EngineError } from "../errors.js";
import type { Backend, ComputeDType, OnStage, TuneOptions } from "../runtime/backend.js";
import { asFileError } from "../weights/budget.js";
import { protobufKind } from "../weights/formats/protobuf.js";
import { openCheckpoint } from "../weights/index.js";
import type { Checkpoint, ModuleNode } from "../weights/types.js";
import { countsOf, type ModelInfo, notesOf, rawNames, resolveModule, taskOf } from "./checkpoint/modelInfo.js";
import { statedSizes, usualSize } from "./checkpoint/modelSize.js";
import { normalizeNames } from "./checkpoint/names.js";
import { isQuantized } from "./checkpoint/quantized.js";
import { refuseOtherInputs } from "./checkpoint/refuse.js";
import { architecture } from "./config/architectures.js";
import type { ModelConfig } from "./config/modelConfig.js";
import { randomSource } from "./config/sources.js";
import { synthesizeModule } from "./config/synthesize.js";
import type { Member } from "./model.js";
import { Network } from "./network.js";

export interface MemberOptions {
  /** Name for messages and `info.path`. */
  readonly path: string;
  readonly dtype?: ComputeDType | undefined;
  /** Choose kernels by measuring them, for every new input shape. */
  readonly tune?: TuneOptions | undefined;
  /** Receives notes about problems that only show at run time: values outside float16's range. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Receives the times of every compilation's stages. */
  readonly onStage?: OnStage | undefined;
  /** Model description (yaml content) for a bare state dict. */
  readonly config?: unknown;
  /** Class names for a file without any: a list, or a map from index to name. */
  readonly names?: unknown;
}

/** Reads an ONNX export. Supplied by each platform: it comes as code of its own, and in Node with the files beside it. */
export type ReadOnnx = (bytes: Uint8Array, path: string) => Promise<Checkpoint>;

/** An opened file and its module tree, before it is put on a backend. */
export interface OpenedModel {
  readonly module: ModuleNode;
  readonly checkpoint: Checkpoint;
}

/** Runs `work` and prefixes the message of any error with the file's name, unless it is already there. */
function aboutFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const error = asFileError(cause);
    if (error instanceof EngineError && !error.message.startsWith(path)) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

/**
 * Opens and recognises a checkpoint.
 * @throws CheckpointError with what the file is and how to fix it; GraphError, WeightError.
 */
export function openModel(bytes: Uint8Array, options: Pick<MemberOptions, "path" | "config">): OpenedModel {
  return aboutFile(options.path, () => {
    const checkpoint = openCheckpoint(bytes, { path: options.path });
    return { module: resolveModule(checkpoint, options), checkpoint };
  });
}

/**
 * The same for files of every kind, ONNX exports included.
 * @throws like `openModel`.
 */
export async function openModelFile(
  bytes: Uint8Array,
  options: Pick<MemberOptions, "path" | "config"> & { readonly readOnnx: ReadOnnx },
): Promise<OpenedModel> {
  if (protobufKind(bytes) !== "onnx") return openModel(bytes, options);
  const checkpoint = await options.readOnnx(bytes, options.path);
  return { module: resolveModule(checkpoint, options), checkpoint };
}

/** A released architecture with seeded random weights (`random:yolov5s`), for benches. */
export function randomModel(name: string, seed = 0): OpenedModel {
  return atOnce(randomModelPieces(name, seed));
}

/** What random weights can take over from another model, so that both heads have the same maps. */
export type RandomHead = Pick<ModelInfo, "classes" | "anchors" | "keypoints">;

/** The same in pieces, one tensor each. With `like`, the head is that of another model as far as the architecture allows. */
export function* randomModelPieces(name: string, seed: number, like?: RandomHead): Pieces<OpenedModel> {
  const config = like ? withHead(architecture(name), like) : architecture(name);
  const head = config.layers[config.layers.length - 1];
  const levels = head.module === "Classify" ? 0 : head.from.length;
  const strides = Array.from({ length: levels }, (_, level) => 8 * 2 ** level);
  const draws: (() => void)[] = [];
  const source = randomSource(seed, (draw) => draws.push(draw));
  const module = synthesizeModule(config, source, { strides });
  for (const draw of draws) {
    draw();
    yield;
  }
  return { module, checkpoint: { format: "safetensors", module, extra: new Map() } };
}

function withHead(config: ModelConfig, { classes, anchors, keypoints }: RandomHead): ModelConfig {
  return {
    ...config,
    classes,
    ...(anchors.length > 0 && !config.newer ? { anchors } : {}),
    ...(config.newer && keypoints
      ? { newer: { ...config.newer, keypoints: [keypoints.count, keypoints.size] as const } }
      : {}),
  };
}

/** A model's facts, once its graph is known. */
function factsOf(opened: OpenedModel, network: Network, { path, names }: MemberOptions): ModelInfo {
  const { head } = network;
  const { parameters, layers } = countsOf(opened.module);
  const { trained, calibrated } = statedSizes(opened.checkpoint);
  const onlyImgsz = opened.checkpoint.decoding?.size;
  const imgsz = onlyImgsz ?? calibrated ?? trained;
  return {
    path,
    task: head.kind,
    names: normalizeNames(rawNames(opened.module, opened.checkpoint) ?? names, head.classes),
    classes: head.classes,
    strides: head.strides,
    // One size has sides that its own strides divide.
    stride: Math.max(onlyImgsz ? 1 : 32, ...head.strides),
    anchors: head.anchors,
    maskCoefficients: head.maskCoefficients,
    family: head.family,
    endToEnd: head.endToEnd,
    ...(head.keypoints ? { keypoints: head.keypoints } : {}),
    parameters,
    layers,
    ...(imgsz ? { imgsz } : {}),
    // An export's own size is the one that its user chose.
    ...(onlyImgsz ? { onlyImgsz } : {}),
    defaultImgsz:
      onlyImgsz ?? calibrated ?? (opened.checkpoint.format === "onnx" ? trained : undefined) ?? usualSize(head.kind),
    format: opened.checkpoint.format,
    notes: notesOf(opened.checkpoint),
  };
}

/**
 * The precision that a model runs in: int8 if its file and the backend support it, float16 if requested and
 * available, otherwise float32. Adds a note if that differs from the file or the request.
 */
export function computeDTypeFor(
  { module }: OpenedModel,
  backend: Backend,
  options: { readonly half?: boolean | undefined; readonly onNote?: ((note: string) => void) | undefined },
): ComputeDType {
  const { half = false, onNote = () => undefined } = options;
  const quantized = isQuantized(module);
  if (quantized && backend.capabilities.dtypes.includes("int8")) {
    if (half) onNote("half is ignored: the file is int8");
    return "int8";
  }
  if (quantized) {
    const weights = backend.capabilities.byteWeights
      ? "weights stay int8 in memory, and it computes"
      : "weights are converted, and it computes";
    onNote(`the ${backend.name} backend has no int8 kernels: ${weights} in float32`);
  }
  if (!half || backend.capabilities.dtypes.includes("float16")) return half ? "float16" : "float32";
  onNote(`half: float16 is not available on ${backend.name} (${backend.adapter}); running in float32`);
  return "float32";
}

/**
 * Puts an opened model on a backend. @throws GraphError, WeightError, UnsupportedError, each beginning with the
 * file's name.
 */
export function createMember(opened: OpenedModel, backend: Backend, options: MemberOptions): Member {
  return aboutFile(options.path, () => {
    taskOf(opened.module, options.path);
    refuseOtherInputs(opened.module, options.path);
    const { dtype, tune, onNote, onStage } = options;
    if (tune && !backend.capabilities.tunes) onNote?.(`tune: ${backend.name} has no kernels to choose from`);
    const network = new Network(opened.module, backend, {
      dtype,
      tune,
      onNote,
      onStage,
      decoding: opened.checkpoint.decoding,
    });
    return { network, info: factsOf(opened, network, options) };
  });
}
