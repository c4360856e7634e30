/** Lowering of every op but the convolutions. */

import { UnsupportedError } from "../../../errors.js";
import * as kernels from "../../../kernels/wgsl/index.js";
import { IDENTITY, mapsOfLevel, type NodeOf, type OpType } from "../../../ops/index.js";
import { elementCount, type HostTensor, toFloat32 } from "../../../tensor/index.js";
import { channelsOfStored, isChannelConcat, segmentsKey, sliceSegments, storedChannels } from "../../channels.js";
import type { Lowering } from "./lowering.js";
import type { DenseTensor } from "./plan.js";

type Lower<T extends OpType> = (lowering: Lowering, node: NodeOf<T>) => void;

/** Expands one float per channel to one per stored channel; 0 in gaps. */
function perStored(values: (channel: number) => number, stored: readonly number[]): Float32Array<ArrayBuffer> {
  return Float32Array.from(stored, (channel) => (channel < 0 ? 0 : values(channel)));
}

function unary(lowering: Lowering, node: NodeOf<"activation"> | NodeOf<"scale">): void {
  const activation = node.type === "activation" ? node.attrs.activation : IDENTITY;
  const factor = node.type === "scale" ? node.attrs.factor : 1;
  if (lowering.isPicture(node.inputs[0])) {
    const x = lowering.blocked(node.inputs[0]);
    const y = lowering.output(node.outputs[0]);
    lowering.emit(kernels.unaryCall(x.stored, activation, factor), [x, y]);
  } else {
    const x = lowering.dense(node.inputs[0]);
    const y = lowering.denseOutput(node.outputs[0]);
    lowering.emit(kernels.unaryCall(lowering.asPixels(x), activation, factor), [x, y]);
  }
}

const batchNorm: Lower<"batchNorm"> = (lowering, node) => {
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const sources = node.inputs.slice(1).map((id) => lowering.constant(id));
  const [gamma, beta, mean, variance] = sources.map((t) => toFloat32(t).data);
  const scaleOf = (c: number): number => gamma[c] / Math.sqrt(variance[c] + node.attrs.eps);
  const stored = channelsOfStored(x.segments);
  const key = `${node.attrs.eps}:${segmentsKey(x.segments)}`;
  const scale = lowering.weights(sources, `scale:${key}`, () => perStored(scaleOf, stored));
  const shift = lowering.weights(sources, `shift:${key}`, () =>
    perStored((c) => beta[c] - mean[c] * scaleOf(c), stored),
  );
  lowering.emit(kernels.affineCall(x.stored), [x, scale, shift, y]);
};

const maxPool2d: Lower<"maxPool2d"> = (lowering, node) => {
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.maxPool2dCall(x.stored, y.stored, node.attrs), [x, y]);
};

const upsampleNearest: Lower<"upsampleNearest"> = (lowering, node) => {
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.upsampleNearestCall(x.stored, y.stored, node.attrs.scale), [x, y]);
};

const pad2d: Lower<"pad2d"> = (lowering, node) => {
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.pad2dCall(x.stored, y.stored, node.attrs.padding, node.attrs.value), [x, y]);
};

/** Placed inputs are already there; the others are copied to their quads. */
const concat: Lower<"concat"> = (lowering, node) => {
  if (!isChannelConcat(lowering.graph, node)) {
    concatDense(lowering, node);
    return;
  }
  const inputs = node.inputs.map((id) => lowering.blocked(id));
  const y = lowering.output(node.outputs[0]);
  let quad = 0;
  for (const x of inputs) {
    const byteOffset = y.byteOffset + quad * y.stored.plane * y.stored.pixelBytes;
    quad += storedChannels(x.segments) / 4;
    if (x.storage === y.storage && x.byteOffset === byteOffset) continue;
    lowering.copyChannels(
      x,
      { ...y, stored: { ...y.stored, quads: storedChannels(x.segments) / 4 }, segments: x.segments, byteOffset },
      0,
    );
  }
};

function concatDense(lowering: Lowering, node: NodeOf<"concat">): void {
  const { axis } = node.attrs;
  const shapeOf = (id: number): readonly number[] => lowering.graph.values[id].shape;
  const shape = shapeOf(node.outputs[0]);
  const step = elementCount(shape.slice(axis));
  const inputs = node.inputs.map((id) => lowering.dense(id));
  const y = lowering.denseOutput(node.outputs[0]);
  let offset = 0;
  inputs.forEach((x, i) => {
    const chunk = elementCount(shapeOf(node.inputs[i]).slice(axis));
    lowering.emit(kernels.concatDenseCall(chunk, step, offset, x.elements), [x, y], true);
    offset += chunk;
  });
}

/** A sum of many is a chain of sums of two. */
const add: Lower<"add"> = (lowering, node) => {
  if (!lowering.isPicture(node.outputs[0])) {
    addPlain(lowering, node);
    return;
  }
  const segments = lowering.segmentsOf(node.outputs[0]);
  const inputs = node.inputs.map((id) => lowering.remapped(lowering.blocked(id), segments));
  const y = lowering.output(node.outputs[0]);
  let sum = inputs[0];
  inputs.slice(1).forEach((x, i) => {
    const to = i === inputs.length - 2 ? y : lowering.temporary(y.stored, segments);
    lowering.emit(kernels.addCall(y.stored), [sum, x, to]);
    sum = to;
  });
};

function addPlain(lowering: Lowering, node: NodeOf<"add">): void {
  const inputs = node.inputs.map((id) => lowering.dense(id));
  const y = lowering.denseOutput(node.outputs[0]);
  let sum = inputs[0];
  inputs.slice(1).forEach((x, i) => {
    const to = i === inputs.length - 2 ? y : lowering.denseTemporary(y.elements);
    lowering.emit(kernels.addCall(lowering.asPixels(y)), [sum, x, to]);
    sum = to;
  });
}

const spaceToDepth: Lower<"spaceToDepth"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const channels = lowering.graph.values[node.inputs[0]].shape[1];
  const { block, order } = node.attrs;
  lowering.emit(kernels.spaceToDepthCall(x.stored, y.stored, channels, block, order), [x, y]);
};

const depthToSpace: Lower<"depthToSpace"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const channels = lowering.graph.values[node.outputs[0]].shape[1];
  lowering.emit(kernels.depthToSpaceCall(x.stored, y.stored, channels, node.attrs.block), [x, y]);
};

const globalAveragePool: Lower<"globalAveragePool"> = (lowering, node) => {
  const x = lowering.blocked(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  lowering.emit(kernels.globalAveragePoolCall(x.stored, y.stored), [x, y]);
};

/** Row-major floats have no shape: flatten is another name for them. */
const flatten: Lower<"flatten"> = (lowering, node) => {
  lowering.alias(node.outputs[0], lowering.dense(node.inputs[0]));
};

const softmax: Lower<"softmax"> = (lowering, node) => {
  const [id] = node.inputs;
  const { shape } = lowering.graph.values[id];
  const { axis } = node.attrs;
  const x = lowering.dense(id);
  const y: DenseTensor = lowering.denseOutput(node.outputs[0]);
  const outer = elementCount(shape.slice(0, axis));
  lowering.emit(kernels.softmaxCall(outer, shape[axis], elementCount(shape.slice(axis + 1))), [x, y]);
};

const layerNorm: Lower<"layerNorm"> = (lowering, node) => {
  const x = lowering.compact(node.inputs[0]);
  const y = lowering.output(node.outputs[0]);
  const quads = (t: HostTensor) =>
    lowering.weights([t], `bias${x.stored.quads}`, () => {
      const packed = new Float32Array(x.stored.quads * 4);
      packed.set(toFloat32(t).data);
      return packed;
    });
  const [weight, bias] = node.inputs.slice(1).map((value) => quads(lowering.constant(value)));
  const channels = lowering.graph.values[node.inputs[0]].shape[1];
  lowering.emit(kernels.layerNormCall(x.stored, channels, node.attrs.eps), [x, weight, bias, y]);
};

const attention: Lower<"attention"> = (lowering, node) => {
  const [q, k, v] = node.inputs.map((id) => lowering.compact(id));
  const y = lowering.output(node.outputs[0]);
  const { heads } = node.attrs;
  const [n, channels, h, w] = lowering.graph.values[node.inputs[0]].shape;
  const [, values] = lowering.graph.values[node.inputs[2]].shape;
  const keys = h * w;
  const scores = lowering.denseTemporary(n * heads * keys * keys);
  const shares = lowering.denseTemporary(scores.elements);
  lowering.emit(kernels.attentionScoresCall(q.stored, channels, heads), [q, k, scores]);
  lowering.emit(kernels.softmaxCall(n * heads * keys, keys, 1), [scores, shares]);
  lowering.emit(kernels.attentionApplyCall(v.stored, y.stored, values, heads), [shares, v, y]);
};

/** A view if the slice starts at a quad and is not needed elsewhere; otherwise a copy. */
const sliceChannels: Lower<"sliceChannels"> = (lowering, node) => {
  const { start, end } = node.attrs;
  const [id] = node.outputs;
  const x = lowering.blocked(node.inputs[0]);
  const view = sliceSegments(x.segments, start, end);
  if (view && !lowering.placement.places.has(id)) {
    const stored = { ...x.stored, quads: storedChannels(view.segments) / 4 };
    const byteOffset = x.byteOffset + (view.offset / 4) * x.stored.plane * x.stored.pixelBytes;
    lowering.alias(id, { ...x, stored, segments: view.segments, byteOffset });
    return;
  }
  lowering.copyChannels(x, lowering.output(id), start);
};

const detect: Lower<"detect"> = (lowering, node) => {
  const { anchors, strides, outputs, maskCoefficients } = node.attrs;
  const levels = node.inputs.map((id) => lowering.compact(id));
  const y = lowering.denseOutput(node.outputs[0]);
  const [pictures, rows, columns] = lowering.graph.values[node.outputs[0]].shape;
  const firstStep = lowering.steps.length;
  let firstRow = 0;
  const maps = levels.map((x, i) => {
    const count = anchors[i].length / 2;
    const sizes = lowering.weights([], `anchors:${anchors[i].join(",")}`, () => {
      const packed = new Float32Array(Math.ceil(anchors[i].length / 4) * 4);
      packed.set(anchors[i]);
      return packed;
    });
    const stride = strides[i];
    const level = { input: x.stored, anchors: count, outputs, maskCoefficients, rows, firstRow, stride };
    lowering.emit(kernels.detectCall(level), [x, sizes, y]);
    firstRow += count * x.stored.height * x.stored.width;
    const candidates = (capacity: number, threshold: number) =>
      kernels.detectCandidatesCall(level, capacity, threshold);
    return { operands: [x, sizes], candidates };
  });
  const endStep = lowering.steps.length;
  lowering.detects.push({ output: node.outputs[0], pictures, rows, columns, maps, firstStep, endStep });
};

const detectAnchorFree: Lower<"detectAnchorFree"> = (lowering, node) => {
  const { strides, bins, ...format } = node.attrs;
  const perLevel = mapsOfLevel(node.attrs);
  const inputs = node.inputs.map((id) => lowering.compact(id));
  const y = lowering.denseOutput(node.outputs[0]);
  const [pictures, rows, columns] = lowering.graph.values[node.outputs[0]].shape;
  const table = lowering.weights([], `bins:${bins.join(",")}`, () => {
    const packed = new Float32Array(Math.max(1, Math.ceil(bins.length / 4)) * 4);
    packed.set(bins);
    return packed;
  });
  const firstStep = lowering.steps.length;
  let firstRow = 0;
  const maps = strides.map((stride, i) => {
    const [boxes, scores, others] = inputs.slice(i * perLevel, (i + 1) * perLevel);
    const stored = { boxes: boxes.stored, scores: scores.stored, others: others?.stored };
    const level = { ...format, ...stored, bins: bins.length, rows, firstRow, stride };
    // A level without further numbers binds the table in their place, which is never read.
    const operands = [boxes, scores, others ?? table, table];
    lowering.emit(kernels.detectAnchorFreeCall(level), [...operands, y]);
    firstRow += boxes.stored.height * boxes.stored.width;
    const candidates = (capacity: number, threshold: number) =>
      kernels.anchorFreeCandidatesCall(level, capacity, threshold);
    return { operands, candidates };
  });
  const endStep = lowering.steps.length;
  lowering.detects.push({ output: node.outputs[0], pictures, rows, columns, maps, firstStep, endStep });
};

const LOWER: { readonly [T in Exclude<OpType, "conv2d" | "convTranspose2d">]: Lower<T> } = {
  batchNorm,
  activation: unary,
  maxPool2d,
  upsampleNearest,
  concat,
  add,
  scale: unary,
  pad2d,
  spaceToDepth,
  depthToSpace,
  globalAveragePool,
  flatten,
  softmax,
  layerNorm,
  attention,
  sliceChannels,
  detect,
  detectAnchorFree,
};

/** @throws UnsupportedError for an op that this backend does not know. */
export function lowerOp<T extends keyof typeof LOWER>(lowering: Lowering, node: NodeOf<T>): void {
  const lower = LOWER[node.type] as Lower<T> | undefined;
  if (!lower) throw new UnsupportedError(`webgpu: no kernel for op ${node.type} (${node.name})`, { type: node.type });
  lower(lowering, node);
}
