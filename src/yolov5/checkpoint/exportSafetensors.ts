/**
 * Writes a model as one safetensors file that every command can load: tensors under PyTorch's state-dict names,
 * module tree and facts in the metadata. Weights are stored bit for bit.
 */

import { atOnce, type Pieces } from "../../breathe.js";
import { float32ArrayToHalf, type HostTensor, tensor, toFloat32 } from "../../tensor/index.js";
import {
  asPlainObject,
  type Checkpoint,
  collectStateDict,
  type ModuleNode,
  type PlainValue,
  walkModules,
  writeSafetensors,
} from "../../weights/index.js";
import type { ModelInfo } from "./modelInfo.js";
import { moduleTreeToJson } from "./moduleJson.js";
import { INPUT_SCALE, WEIGHT_SCALE } from "./quantizedNames.js";

export interface ExportOptions {
  /** Store floating-point tensors as float16, except those that would overflow. Default: the checkpoint's own types. */
  readonly half?: boolean | undefined;
  /** Additional entries for the file's metadata. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
}

/** The largest float16 value. */
const LARGEST_HALF = 65504;

/** Converts to float16, unless the tensor is not floating-point or has a value beyond float16's range. */
function toHalf(source: HostTensor): HostTensor {
  if (source.dtype !== "float32" && source.dtype !== "float64" && source.dtype !== "bfloat16") return source;
  const { data } = toFloat32(source);
  for (let i = 0; i < data.length; i++) if (Math.abs(data[i]) > LARGEST_HALF) return source;
  return tensor("float16", source.shape, float32ArrayToHalf(data));
}

/** Epsilon of the first BatchNorm; undefined for a fused model. */
function batchNormEps(module: ModuleNode): number | undefined {
  let eps: number | undefined;
  walkModules(module, ({ type, attributes }) => {
    const value = attributes.get("eps");
    if (eps === undefined && type.startsWith("BatchNorm") && typeof value === "number") eps = value;
  });
  return eps;
}

/** The model description from YOLOv5's attribute `yaml`, or from the file. */
function descriptionOf(module: ModuleNode, extra: Checkpoint["extra"]): PlainValue | undefined {
  const inner = module.children.get("model");
  const candidates = [
    module.attributes.get("yaml"),
    inner?.attributes.get("yaml"),
    extra.get("yaml"),
    extra.get("cfg"),
  ];
  return candidates.find((value) => value instanceof Map);
}

/** Tensors by PyTorch's names, without BatchNorm's training counter. int8 scales keep their precision. */
export function exportedTensors(module: ModuleNode, options: ExportOptions = {}): Map<string, HostTensor> {
  return atOnce(exportedTensorPieces(module, options));
}

/** The same in pieces, one tensor each. */
export function* exportedTensorPieces(
  module: ModuleNode,
  options: ExportOptions = {},
): Pieces<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, value] of collectStateDict(module)) {
    if (name.endsWith("num_batches_tracked")) continue;
    const scale = name.endsWith(`.${WEIGHT_SCALE}`) || name.endsWith(`.${INPUT_SCALE}`);
    tensors.set(name, options.half && !scale ? toHalf(value) : value);
    yield;
  }
  return tensors;
}

/** A module tree and the file it came from. */
interface Exported {
  readonly module: ModuleNode;
  readonly checkpoint: Checkpoint;
}

/**
 * The bytes of the file.
 * @param info the model's facts.
 */
export function exportSafetensors(opened: Exported, info: ModelInfo, options: ExportOptions = {}): Uint8Array {
  return safetensorsOf(opened, info, exportedTensors(opened.module, options), options.metadata);
}

/**
 * The bytes of a file with these tensors.
 * @param tensors from `exportedTensors`.
 */
export function safetensorsOf(
  { module, checkpoint }: Exported,
  info: ModelInfo,
  tensors: ReadonlyMap<string, HostTensor>,
  more: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const metadata = new Map<string, string>([
    ["format", "pt"],
    ["model", "yolov5"],
    ["task", info.task],
    ["modules", moduleTreeToJson(module)],
    ["names", JSON.stringify(info.names)],
    ["stride", JSON.stringify(info.strides)],
    ["anchors", JSON.stringify(info.anchors)],
  ]);
  if (info.imgsz) metadata.set("imgsz", JSON.stringify(info.imgsz));
  const eps = batchNormEps(module);
  if (eps !== undefined) metadata.set("bn_eps", String(eps));
  const description = descriptionOf(module, checkpoint.extra);
  if (description !== undefined) metadata.set("yaml", JSON.stringify(asPlainObject(description)));
  // The note is a sentence about these facts, which are stored themselves.
  const int8 = checkpoint.extra.get("int8");
  const facts: [string, string][] = int8 instanceof Map ? [["int8", JSON.stringify(asPlainObject(int8))]] : [];
  for (const [key, text] of [...Object.entries(info.notes), ...facts, ...more]) metadata.set(key, text);
  return writeSafetensors(tensors, metadata);
}
