/** A checkpoint's module tree → graph, for one input size: any width, depth and wiring, channel counts from the tensors. */

import { GraphError } from "../../errors.js";
import type { Graph, ValueId } from "../../ops/index.js";
import { describeValue, scalarNumber } from "../../weights/describe.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { applyAnchorFree, isAnchorFree } from "./anchorFreeHead.js";
import { checkClasses, MAX_LAYERS, MAX_SOURCES } from "./bounds.js";
import { blockOf } from "./catalogue.js";
import { createContext, createWeightForms, type WeightForms } from "./context.js";
import { familyOf, headKind } from "./headKind.js";
import { applyDetect, type HeadFacts, numbersOf } from "./heads.js";
import { applyOwnHead, OWN_HEAD } from "./ownHead.js";

export interface BuiltGraph {
  readonly graph: Graph;
  readonly head: HeadFacts;
  /** One row per layer of `model`, for `info --layers`. */
  readonly layers: readonly LayerFacts[];
}

export interface LayerFacts {
  readonly index: number;
  readonly from: readonly number[];
  readonly type: string;
  readonly outputShape: readonly number[];
}

/** The Sequential that holds the numbered layers, and its path prefix. */
export function layersOf(root: ModuleNode): { layers: readonly ModuleNode[]; prefix: string } {
  const inner = root.children.get("model");
  const sequence = inner && !root.children.has("0") ? inner : root;
  // AutoShape and other wrappers have the model in `model.model`.
  if (inner && !inner.children.has("0") && inner.children.has("model")) return layersOf(inner);
  if (!sequence.children.has("0")) {
    throw new GraphError(`${root.className} has no layers model.0, model.1, …; it is not a YOLOv5 model`, {
      className: root.className,
    });
  }
  return { layers: [...sequence.children.values()], prefix: "model" };
}

/** A layer's `f`: the indices of its input layers (−1 is the picture). */
export function sourcesOf(module: ModuleNode, index: number): number[] {
  const raw = module.attributes.get("f");
  const list: readonly PlainValue[] = Array.isArray(raw) ? raw : [raw ?? -1];
  if (list.length > MAX_SOURCES) throw new GraphError(`model.${index}: reads ${list.length} layers`, { index });
  return list.map((entry) => {
    const from = scalarNumber(entry) ?? Number.NaN;
    const source = from < 0 ? index + from : from;
    if (!Number.isInteger(source) || source < -1 || source >= index) {
      throw new GraphError(`model.${index}: reads layer ${describeValue(entry)}, which does not come before it`, {
        index,
        from: describeValue(entry),
      });
    }
    return source;
  });
}

/** Strides recorded by the head or the model; undefined if neither does. */
function recordedStrides(root: ModuleNode, head: ModuleNode): number[] | undefined {
  const strides = numbersOf(head.attributes.get("stride")) ?? numbersOf(head.buffers.get("stride"));
  const found = strides ?? numbersOf(root.attributes.get("stride"));
  return found?.every((s) => s > 0) ? found : undefined;
}

/**
 * Builds the graph of a module tree.
 * @param shape input [N, 3, H, W]; H and W multiples of the largest stride.
 * @param forms weight forms shared by the graphs of one model.
 * @throws GraphError, WeightError, UnsupportedError, ShapeError with the module.
 */
export function buildGraph(
  root: ModuleNode,
  shape: readonly [number, number, number, number],
  forms: WeightForms = createWeightForms(),
): BuiltGraph {
  const context = createContext(forms, (ctx, module, path, inputs) => blockOf(module, path)(ctx, module, path, inputs));
  const { builder } = context;
  const input = builder.input("images", { shape, dtype: "float32" });
  const { layers, prefix } = layersOf(root);
  if (layers.length > MAX_LAYERS) {
    throw new GraphError(`the model has ${layers.length} layers, more than ${MAX_LAYERS}`, { layers: layers.length });
  }
  const values: ValueId[] = [];
  const facts: LayerFacts[] = [];
  for (const [index, module] of layers.entries()) {
    const from = sourcesOf(module, index);
    const inputs = from.map((source) => (source < 0 ? input : values[source]));
    const path = `${prefix}.${index}`;
    const row = { index, from, type: module.type };
    const kind = headKind(module);
    if (kind !== undefined && kind !== "classify") {
      const apply = module.type === OWN_HEAD ? applyOwnHead : isAnchorFree(module) ? applyAnchorFree : applyDetect;
      const strides = recordedStrides(root, module);
      const { outputs, facts: head } = apply(context, module, path, inputs, strides, shape[2]);
      if (index !== layers.length - 1) throw new GraphError(`${path}: the ${module.type} head must be the last layer`);
      facts.push({ ...row, outputShape: builder.shape(outputs[0]) });
      return { graph: builder.finish(outputs), head, layers: facts };
    }
    const value = context.apply(module, path, inputs);
    facts.push({ ...row, outputShape: builder.shape(value) });
    values.push(value);
  }
  const last = values[values.length - 1];
  const outputShape = builder.shape(last);
  if (outputShape.length !== 2) {
    throw new GraphError(
      "the model does not end in a Detect, Segment or Classify head; it is not a YOLOv5 checkpoint",
      {
        outputShape,
      },
    );
  }
  checkClasses(outputShape[1], `${prefix}.${layers.length - 1}`);
  const head: HeadFacts = {
    kind: "classify",
    classes: outputShape[1],
    strides: [],
    anchors: [],
    outputs: outputShape[1],
    maskCoefficients: 0,
    family: familyOf(layers[layers.length - 1]),
    endToEnd: false,
  };
  return { graph: builder.finish([last]), head, layers: facts };
}
