/** Extracts the module tree and a model's facts from an opened checkpoint. */

import { CheckpointError } from "../../errors.js";
import { printable } from "../../printable.js";
import type { HostTensor } from "../../tensor/index.js";
import { describeValue, scalarNumber } from "../../weights/describe.js";
import { collectStateDict, countParameters } from "../../weights/index.js";
import type { Checkpoint, ModuleNode, PlainValue } from "../../weights/types.js";
import { architecture } from "../config/architectures.js";
import { fittingArchitecture } from "../config/fittingArchitecture.js";
import { parseModelConfig } from "../config/modelConfig.js";
import { newerDescription } from "../config/newerArchitectures.js";
import { stateDictSource } from "../config/sources.js";
import { synthesizeModule } from "../config/synthesize.js";
import { layersOf } from "../graph/buildGraph.js";
import { headKind } from "../graph/headKind.js";
import { type Family, type HeadKind, type KeypointShape, numbersOf } from "../graph/heads.js";
import type { Size } from "../output/boxes.js";
import { entryOf } from "./mapping.js";
import { moduleTreeFromJson } from "./moduleJson.js";
import { refuseForeignModel, refuseForeignNames } from "./refuse.js";

/** The task of a model: `detect`, `segment`, `pose` or `classify`. */
export type Task = HeadKind;

export interface ResolveOptions {
  /** File name for messages. */
  readonly path?: string | undefined;
  /** For a state dict without a description: a model description (YAML content), or a released name (`yolov5s`). */
  readonly config?: unknown;
}

/** A model description as a value, or as text from a file's metadata. */
function descriptionOf(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new CheckpointError("holds a model description that is not valid JSON");
  }
}

/**
 * Finds YOLOv5's model description next to a state dict. Other projects store different things under these names (a
 * list of channels, a file name, training options); `foreign` then says so.
 */
function descriptionIn(extra: Checkpoint["extra"]): { description?: unknown; foreign?: string } {
  let foreign: string | undefined;
  for (const key of ["yaml", "config", "cfg"]) {
    const value = extra.get(key);
    if (value === undefined || value === null) continue;
    const text = typeof value === "string";
    const plain = text && /^\s*\{/.test(value) ? descriptionOf(value) : value;
    if (Array.isArray(entryOf(plain, "backbone")) || Array.isArray(entryOf(plain, "head")))
      return { description: plain };
    const kind = Array.isArray(value) ? "list" : text ? "text" : value instanceof Map ? "dictionary" : "value";
    foreign ??= `its ${key} is a ${kind} without YOLOv5's backbone and head`;
  }
  return foreign === undefined ? {} : { foreign };
}

/** Names as in a whole model, `model.0.conv.weight`: the newer package's own class adds a `model.`, its list of layers has none. */
function withLayerNames(stateDict: ReadonlyMap<string, HostTensor>): ReadonlyMap<string, HostTensor> {
  const names = [...stateDict.keys()];
  const every = (pattern: RegExp): boolean => names.length > 0 && names.every((name) => pattern.test(name));
  if (every(/^\d+\./)) return new Map([...stateDict].map(([name, value]) => [`model.${name}`, value]));
  if (every(/^model\.model\.\d+\./)) return new Map([...stateDict].map(([name, value]) => [name.slice(6), value]));
  return stateDict;
}

/** What to do about a state dict without a description. */
function adviceFor(stateDict: ReadonlyMap<string, HostTensor>): string {
  const wiring = fittingArchitecture(stateDict);
  if (!wiring) return "give the model's yaml with --cfg (option config), or save the whole model";
  // Recent versions of the newer package build the first convolution of SPPF without one, and a state dict does not tell.
  const where = newerDescription(wiring) ? " everywhere, also in SPPF" : "";
  return `its tensors fit the layout of ${wiring}: use --cfg ${wiring} (option config) if its activation is SiLU${where}, otherwise give its yaml`;
}

/**
 * The module tree of a checkpoint: the pickled one, or one rebuilt from the metadata's tree or model description.
 * @throws CheckpointError for files that are not YOLOv5, or state dicts without a description.
 */
export function resolveModule(checkpoint: Checkpoint, options: ResolveOptions = {}): ModuleNode {
  const what = options.path ?? "checkpoint";
  refuseForeignModel(checkpoint, options.path);
  if (checkpoint.module) return checkpoint.module;
  const { extra } = checkpoint;
  const stateDict = checkpoint.stateDict && withLayerNames(checkpoint.stateDict);
  if (!stateDict) throw new CheckpointError(`${what}: holds no model`, { path: options.path });
  const tree = extra.get("modules");
  if (typeof tree === "string" || tree instanceof Map) return moduleTreeFromJson(tree, stateDict);
  const { description, foreign } = options.config != null ? { description: options.config } : descriptionIn(extra);
  if (description === undefined) {
    refuseForeignNames([...stateDict.keys()], what);
    throw new CheckpointError(
      `${what}: is a state dict without a model description, so its wiring and activation are unknown${foreign ? ` (${foreign})` : ""}; ${adviceFor(stateDict)}`,
      { path: options.path },
    );
  }
  const written = extra.get("bn_eps");
  const eps = typeof written === "string" ? Number(written.slice(0, 32)) : (scalarNumber(written) ?? Number.NaN);
  const config =
    typeof options.config === "string" ? architecture(options.config) : parseModelConfig(descriptionOf(description));
  return synthesizeModule(config, stateDictSource(stateDict), {
    batchNormEps: Number.isFinite(eps) ? eps : undefined,
    strides: numbersOf(extra.get("stride")),
  });
}

/** Raw `names` of a checkpoint: the module's, or the file's. */
export function rawNames(module: ModuleNode, checkpoint: Checkpoint): unknown {
  const own = module.attributes.get("names") ?? module.children.get("model")?.attributes.get("names");
  return own ?? checkpoint.extra.get("names");
}

/** Facts about a loaded model. */
export interface ModelInfo {
  /** Path or URL it was loaded from; `embedded:…` and `random:…` for those. */
  readonly path: string;
  readonly task: Task;
  readonly names: readonly string[];
  readonly classes: number;
  readonly strides: readonly number[];
  /** Largest stride, at least 32: input sides are multiples of it. */
  readonly stride: number;
  /** Per level (width, height) pairs in input pixels, flattened. */
  readonly anchors: readonly (readonly number[])[];
  readonly maskCoefficients: number;
  /** The behaviour of `detect`: that of YOLOv5, or of the newer package (no anchors, other defaults). */
  readonly family: Family;
  /** The head selects its boxes itself, so `iou` and `agnostic` have no effect. */
  readonly endToEnd: boolean;
  /** Pose models: the number of keypoints per box, and of numbers per keypoint. */
  readonly keypoints?: KeypointShape;
  /** Number of parameters, BatchNorm not folded. */
  readonly parameters: number;
  readonly layers: number;
  /** [height, width] in pixels that the model was trained at according to its file, or calibrated for if it is int8. */
  readonly imgsz?: Size;
  /** Default [height, width] of `detect`: 640, for classification 224, for int8 the calibrated size. */
  readonly defaultImgsz: Size;
  /** The only input size of an ONNX export whose head is decoded by the file's own operators. */
  readonly onlyImgsz?: Size;
  /** File format, such as `pytorch-zip`. */
  readonly format: string;
  /** Date, epoch and other notes in the file, human-readable. */
  readonly notes: Readonly<Record<string, string>>;
}

const NOTES = ["date", "epoch", "license", "version", "opset", "producer"];
/** Maximum characters of a note. */
const MAX_NOTE = 1000;

/** Describes how a file was quantized. */
function int8Note(facts: PlainValue | undefined): string | undefined {
  if (typeof facts === "string") return describeValue(facts, MAX_NOTE);
  if (!(facts instanceof Map)) return undefined;
  const of = (key: string): string => describeValue(facts.get(key), MAX_NOTE);
  return `${of("convolutions")} convolutions; calibration ${of("calibration")}, pictures ${of("images")}`;
}

/** Notes in a file about itself, each one line. */
export function notesOf(checkpoint: Checkpoint): Record<string, string> {
  const notes: [string, string][] = [];
  for (const key of NOTES) {
    const value = checkpoint.extra.get(key);
    if (value !== undefined && value !== null) notes.push([key, printable(describeValue(value, MAX_NOTE))]);
  }
  const int8 = int8Note(checkpoint.extra.get("int8"));
  if (int8 !== undefined) notes.push(["int8", printable(int8)]);
  return Object.fromEntries(notes);
}

/** The task of a module tree, from its last layer. @throws CheckpointError if that is not a head. */
export function taskOf(module: ModuleNode, what: string): Task {
  const { layers } = layersOf(module);
  const last = layers[layers.length - 1];
  const kind = headKind(last);
  if (!kind) {
    throw new CheckpointError(
      `${what}: its last layer ${last.className} is not a YOLOv5 head (Detect, Segment, Classify)`,
    );
  }
  return kind;
}

/** Counts for `info`. */
export function countsOf(module: ModuleNode): { parameters: number; layers: number } {
  const fromModules = countParameters(module);
  return {
    parameters:
      fromModules > 0 ? fromModules : [...collectStateDict(module).values()].reduce((n, t) => n + t.data.length, 0),
    layers: layersOf(module).layers.length,
  };
}
