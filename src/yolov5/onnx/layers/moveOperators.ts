/** Operators that move numbers: reshapes, slices, joins, upsampling. */

import {
  axisOf,
  intAttribute,
  intsAttribute,
  refuse,
  slicedAxes,
  splitSizes,
  stringAttribute,
  transposedAxes,
} from "../../../onnx/evaluate/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { constantInts } from "../graph/inferShapes.js";
import { paddedBy, viewAs } from "./layerOperators.js";
import { dataInputs, type Matcher } from "./match.js";
import { moduleOf } from "./modules.js";
import type { Translation } from "./translation.js";
import {
  channelsOfPicture,
  type Picture,
  shapeOfView,
  sliceView,
  transposeView,
  type View,
  wholePicture,
} from "./views.js";

/** A node whose output is a view of its first input. */
const moved =
  (move: (graph: FoldedGraph, node: OnnxNode, view: View) => View): Matcher =>
  (graph, node) => ({
    inputs: [node.inputs[0]],
    emit: (t) => t.set(node.outputs[0], move(graph, node, t.view(node.inputs[0]))),
  });

/** Reshape, Flatten, Squeeze, Unsqueeze: whatever shape inference found. */
const reshaped = moved((graph, node, view) => {
  const shape = graph.shapeOf(node.outputs[0]) ?? refuse(node, "the shape of its output is not known");
  return viewAs(node, view, shape);
});

const CAST_TO_FLOAT = new Set([1, 10, 11, 16]);

const cast = moved((_, node, view) =>
  CAST_TO_FLOAT.has(intAttribute(node, "to", 1)) ? view : refuse(node, "casts to whole numbers within the network"),
);

const transpose = moved((_, node, view) =>
  transposeView(view, transposedAxes(node, view.dimensions.length, intsAttribute(node, "perm"))),
);

const slice = moved((graph, node, view) => {
  const ints = (attribute: string, index: number) => constantInts(node, graph, attribute, index);
  const [starts, ends] = [ints("starts", 1), ints("ends", 2)];
  if (!starts || !ends) return refuse(node, "its bounds are not constants");
  let current = view;
  for (const { axis, start, step, count } of slicedAxes(
    node,
    shapeOfView(view),
    starts,
    ends,
    ints("axes", 3),
    ints("steps", 4),
  )) {
    current =
      sliceView(current, axis, start, step, count) ??
      refuse(node, "takes a part that is not a run of channels or pixels");
  }
  return current;
});

const split: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const view = t.view(node.inputs[0]);
    const shape = shapeOfView(view);
    const axis = axisOf(node, intAttribute(node, "axis", 0), shape.length);
    const sizes = splitSizes(node, shape[axis], constantInts(node, graph, "split", 1), node.outputs.length);
    let start = 0;
    for (const [i, size] of sizes.entries()) {
      const part = sliceView(view, axis, start, 1, size) ?? refuse(node, "takes a part that is not a run of channels");
      if (node.outputs[i] !== "") t.set(node.outputs[i], part);
      start += size;
    }
  },
});

/** Concatenation of channels, pixels of blocks as channels, and borders of zeros. */
const concat: Matcher = (graph, node) => {
  const data = dataInputs(graph, node);
  return {
    inputs: data,
    emit(t) {
      const rank = graph.shapeOf(node.outputs[0])?.length ?? 0;
      const axis = axisOf(node, intAttribute(node, "axis", 0), rank);
      if (data.length < node.inputs.length) return giveBordered(t, graph, node, axis);
      if (axis !== 1 || rank !== 4) {
        refuse(node, `joins along axis ${axis} of ${rank}; layers of YOLO join channels`);
      }
      const views = data.map((name) => t.view(name));
      const blocks = views.length > 1 ? t.spaceToDepth(node, views) : undefined;
      const pictures = blocks ? [blocks] : joinedPictures(t, node, views);
      if (pictures.length === 1) t.set(node.outputs[0], wholePicture(pictures[0]));
      else t.give(node, moduleOf("yolov5_ts.Concat", { attributes: { d: 1 } }), pictures);
    },
  };
};

/** The pictures of views, where neighbours that are one run of channels stay together: the halves of a split that is joined again. */
function joinedPictures(t: Translation, node: OnnxNode, views: readonly View[]): Picture[] {
  const runs: { readonly view: View; readonly channels?: number[] }[] = [];
  for (const view of views) {
    const channels = channelsOfPicture(view);
    const before = runs[runs.length - 1];
    const last = before?.channels?.[before.channels.length - 1];
    const continues = before?.view.picture.id === view.picture.id && last !== undefined && channels?.[0] === last + 1;
    if (continues && channels) before.channels?.push(...channels);
    else runs.push(channels ? { view, channels } : { view });
  }
  return runs.map(({ view, channels }) =>
    channels ? t.channels(node, view.picture, channels) : t.picture(node, view),
  );
}

/** A picture between constants of zeros: padding, as this engine's own export writes it. */
function giveBordered(t: Translation, graph: FoldedGraph, node: OnnxNode, axis: number): void {
  const at = node.inputs.findIndex((name) => !graph.isConstant(name));
  const zeros = node.inputs.every((name, i) => i === at || graph.constant(name)?.data.every((x) => x === 0));
  const data = dataInputs(graph, node);
  if (data.length !== 1 || !zeros || axis < 2) refuse(node, "joins constants to what the network computes");
  const size = (from: number, to: number): number =>
    node.inputs.slice(from, to).reduce((sum, name) => sum + (graph.shapeOf(name)?.[axis] ?? 0), 0);
  const [before, after] = [size(0, at), size(at + 1, node.inputs.length)];
  const x = t.picture(node, t.view(data[0]));
  t.set(
    node.outputs[0],
    wholePicture(paddedBy(t, node, x, axis === 2 ? [0, 0, before, after] : [before, after, 0, 0])),
  );
}

const pad: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const pads = constantInts(node, graph, "pads", 1);
    const value = node.inputs[2] ? graph.constant(node.inputs[2])?.data[0] : 0;
    const mode = stringAttribute(node, "mode", "constant");
    const outside = [0, 1, 4, 5].some((i) => pads?.[i] !== 0);
    if (pads?.length !== 8 || outside || mode !== "constant" || value !== 0) {
      refuse(node, "pads with more than zeros around feature maps");
    }
    const [top, left, bottom, right] = [pads[2], pads[3], pads[6], pads[7]];
    t.set(
      node.outputs[0],
      wholePicture(paddedBy(t, node, t.picture(node, t.view(node.inputs[0])), [left, right, top, bottom])),
    );
  },
});

/** Source of an output pixel, as the node's modes define it; undefined for modes other than nearest neighbour. */
function sourceOf(node: OnnxNode, output: number, scale: number): number | undefined {
  if (node.operator === "Upsample") return Math.floor(output / scale);
  const place = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const rounding = stringAttribute(node, "nearest_mode", "round_prefer_floor");
  const half = ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"].includes(place);
  if (!half && place !== "asymmetric") return undefined;
  const at = half ? (output + 0.5) / scale - 0.5 : output / scale;
  const round: Readonly<Record<string, (x: number) => number>> = {
    floor: Math.floor,
    ceil: Math.ceil,
    round_prefer_floor: (x) => Math.ceil(x - 0.5),
    round_prefer_ceil: (x) => Math.floor(x + 0.5),
  };
  return round[rounding]?.(at);
}

/** Nearest neighbours by whole factors, in any notation. */
const resize: Matcher = (_, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const x = t.picture(node, t.view(node.inputs[0]));
    const shape = t.pictureShape(node);
    const mode = stringAttribute(node, "mode", "nearest");
    const scale = [shape[2] / x.shape[2], shape[3] / x.shape[3]];
    const whole = scale.every(Number.isInteger) && shape[1] === x.shape[1];
    const nearest = (factor: number, size: number): boolean =>
      Array.from({ length: Math.min(size, 4 * factor) }, (_, i) => i).every(
        (i) =>
          Math.min(Math.max(sourceOf(node, i, factor) ?? Number.NaN, 0), size / factor - 1) === Math.floor(i / factor),
      );
    if (!whole || mode !== "nearest" || ![0, 1].every((axis) => nearest(scale[axis], shape[axis + 2]))) {
      refuse(
        node,
        `resizes ${x.shape.slice(2).join("×")} to ${shape.slice(2).join("×")} (${mode}); layers of YOLO repeat pixels a whole number of times`,
      );
    }
    t.give(node, moduleOf("torch.nn.Upsample", { attributes: { scale_factor: scale, mode } }), [x]);
  },
});

const spaceToDepth: Matcher = (_, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const attributes = { block: intAttribute(node, "blocksize", 2), order: "contract" };
    t.give(node, moduleOf("yolov5_ts.SpaceToDepth", { attributes }), [t.picture(node, t.view(node.inputs[0]))]);
  },
});

const depthToSpace: Matcher = (_, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    if (stringAttribute(node, "mode", "DCR") !== "DCR") refuse(node, "its mode is not DCR");
    const module = moduleOf("yolov5_ts.Expand", { attributes: { gain: intAttribute(node, "blocksize", 2) } });
    t.give(node, module, [t.picture(node, t.view(node.inputs[0]))]);
  },
});

export const moves: readonly (readonly [string, Matcher])[] = [
  ["Reshape", reshaped],
  ["Flatten", reshaped],
  ["Squeeze", reshaped],
  ["Unsqueeze", reshaped],
  ["Identity", moved((_, __, view) => view)],
  ["Dropout", moved((_, __, view) => view)],
  ["Cast", cast],
  ["Transpose", transpose],
  ["Slice", slice],
  ["Split", split],
  ["Concat", concat],
  ["Pad", pad],
  ["Resize", resize],
  ["Upsample", resize],
  ["SpaceToDepth", spaceToDepth],
  ["DepthToSpace", depthToSpace],
];
