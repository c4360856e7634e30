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

/** What descriptions of networks without anchors say of their heads. */
export interface NewerFacts {
  /** Bins of a distance. */
  readonly regMax: number;
  readonly endToEnd: boolean;
  readonly keypoints: readonly [count: number, size: number];
}

export interface ModelConfig {
  readonly classes: number;
  readonly inputChannels: number;
  readonly depthMultiple: number;
  readonly widthMultiple: number;
  /** Most channels of a layer before the width multiple. */
  readonly maxChannels: number;
  /** Without anchors: the head is one of v5u, v8, 11 or 26. */
  readonly newer: NewerFacts | undefined;
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

/** Whether the last layer is a head that is given no anchors, or a classification head of the newer package's blocks. */
function usesNoAnchors(layers: readonly LayerConfig[]): boolean {
  const last = layers[layers.length - 1];
  if (last?.module === "Classify") return layers.some(({ module }) => NEWER_BLOCKS.has(module));
  return (
    last !== undefined &&
    ANCHOR_FREE_HEADS.has(last.module) &&
    !Array.isArray(last.args[1]) &&
    last.args[1] !== "anchors"
  );
}

const NEWER_BLOCKS = new Set(["C2f", "C3k2", "C2PSA"]);
const ANCHOR_FREE_HEADS = new Set(["Detect", "Segment", "Pose"]);

/** Depth, width and channel limit: those of the newer package's `scale`, or the two multiples. */
function scaleOf(source: unknown): Pick<ModelConfig, "depthMultiple" | "widthMultiple" | "maxChannels"> {
  const name = entryOf(source, "scale");
  const scale = typeof name === "string" ? entryOf(entryOf(source, "scales"), name) : undefined;
  if (Array.isArray(scale) && scale.length === 3) {
    const [depth, width, most] = scale.map((v) => numberOf(v, "scales"));
    return { depthMultiple: depth, widthMultiple: width, maxChannels: most };
  }
  return {
    depthMultiple: numberOf(entryOf(source, "depth_multiple"), "depth_multiple", 1),
    widthMultiple: numberOf(entryOf(source, "width_multiple"), "width_multiple", 1),
    maxChannels: Number.POSITIVE_INFINITY,
  };
}

function newerFacts(source: unknown): NewerFacts {
  const points = entryOf(source, "kpt_shape");
  const [count, size] = Array.isArray(points) ? points.slice(0, 2).map((v) => numberOf(v, "kpt_shape")) : [17, 3];
  return {
    regMax: numberOf(entryOf(source, "reg_max"), "reg_max", 16),
    endToEnd: entryOf(source, "end2end") === true,
    keypoints: [count, size],
  };
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
  const layers = [...backbone, ...head].map(parseLayer);
  return {
    classes: numberOf(entryOf(source, "nc"), "nc"),
    inputChannels: numberOf(entryOf(source, "ch"), "ch", 3),
    ...scaleOf(source),
    newer: anchors === undefined && usesNoAnchors(layers) ? newerFacts(source) : undefined,
    anchors: Array.isArray(anchors) ? anchorLevels(anchors) : anchorCount(numberOf(anchors, "anchors", 3)),
    activation: typeof activation === "string" ? cutText(activation) : undefined,
    layers,
  };
}
