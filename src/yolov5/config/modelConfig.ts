/** YOLOv5's model description (the yaml in a checkpoint or metadata string), validated and typed. */

import { GraphError } from "../../errors.js";
import { cutText, describeValue, scalarNumber } from "../../weights/describe.js";
import { entryOf } from "../checkpoint/mapping.js";
import { MAX_LAYERS } from "../graph/bounds.js";

/** Maximum items in a layer's lists, levels of a head, and anchors per level. */
const MAX_LIST = 64;

/** One line of `backbone` or `head`. */
export interface LayerConfig {
  /** Input layers; negative indices are relative. */
  readonly from: readonly number[];
  /** Repeats before the depth multiple. */
  readonly repeats: number;
  /** Class name without `nn.`. */
  readonly module: string;
  readonly args: readonly unknown[];
}

export interface ModelConfig {
  readonly classes: number;
  readonly inputChannels: number;
  readonly depthMultiple: number;
  readonly widthMultiple: number;
  /** Per level (width, height) pairs in pixels, or the number of anchors per level. */
  readonly anchors: readonly (readonly number[])[] | number;
  /** An activation such as `nn.LeakyReLU(0.1)`; undefined means SiLU. */
  readonly activation: string | undefined;
  readonly layers: readonly LayerConfig[];
}

function numberOf(value: unknown, name: string, fallback?: number): number {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  const number = scalarNumber(value);
  if (number !== undefined && Number.isFinite(number)) return number;
  throw new GraphError(`model config: ${name} must be a number, got ${describeValue(value)}`, { name });
}

function parseLayer(line: unknown, index: number): LayerConfig {
  if (!Array.isArray(line) || line.length !== 4 || typeof line[2] !== "string" || !Array.isArray(line[3])) {
    throw new GraphError(`model config: layer ${index} must be [from, repeats, module, args]`, { index });
  }
  const [from, repeats, module, args] = line;
  if (args.length > MAX_LIST || (Array.isArray(from) && from.length > MAX_LIST)) {
    throw new GraphError(`model config: layer ${index} has a list of more than ${MAX_LIST} items`, { index });
  }
  return {
    from: (Array.isArray(from) ? from : [from]).map((f) => numberOf(f, `layer ${index} from`)),
    repeats: numberOf(repeats, `layer ${index} repeats`),
    module: cutText(module).split(".").pop() ?? module,
    args,
  };
}

/** Pairs of each level in pixels. */
export function anchorLevels(levels: readonly unknown[]): number[][] {
  if (levels.length === 0 || levels.length > MAX_LIST) {
    throw new GraphError(`model config: anchors of ${levels.length} levels; 1 to ${MAX_LIST} are allowed`);
  }
  return levels.map((level, i) => {
    if (!Array.isArray(level)) throw new GraphError(`model config: anchors of level ${i} must be a list`);
    anchorCount(level.length / 2);
    return level.map((v) => numberOf(v, "anchors"));
  });
}

/** The number of anchors per level. @throws GraphError for an invalid number. */
export function anchorCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= MAX_LIST) return count;
  throw new GraphError(`model config: ${count} anchors per level; 1 to ${MAX_LIST} are allowed`, { count });
}

/**
 * @param source the yaml's content: `nc`, `depth_multiple`, `width_multiple`, `anchors`, `backbone`, `head`.
 * @throws GraphError with what is missing.
 */
export function parseModelConfig(source: unknown): ModelConfig {
  const backbone = entryOf(source, "backbone");
  const head = entryOf(source, "head");
  if (!Array.isArray(backbone) || !Array.isArray(head)) {
    throw new GraphError("model config: needs the lists backbone and head, as in yolov5s.yaml");
  }
  if (backbone.length + head.length > MAX_LAYERS) {
    throw new GraphError(`model config: ${backbone.length + head.length} layers, more than ${MAX_LAYERS}`);
  }
  const anchors = entryOf(source, "anchors");
  const activation = entryOf(source, "activation");
  return {
    classes: numberOf(entryOf(source, "nc"), "nc"),
    inputChannels: numberOf(entryOf(source, "ch"), "ch", 3),
    depthMultiple: numberOf(entryOf(source, "depth_multiple"), "depth_multiple", 1),
    widthMultiple: numberOf(entryOf(source, "width_multiple"), "width_multiple", 1),
    anchors: Array.isArray(anchors) ? anchorLevels(anchors) : anchorCount(numberOf(anchors, "anchors", 3)),
    activation: typeof activation === "string" ? cutText(activation) : undefined,
    layers: [...backbone, ...head].map(parseLayer),
  };
}
