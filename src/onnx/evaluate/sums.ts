/** Operators that sum: reductions, softmax, products of matrices, 1×1 convolutions. */

import { elementCount } from "../../tensor/index.js";
import { broadcastIndices } from "./elementwise.js";
import { broadcastShape, reducedShape } from "./shapes.js";
import {
  axisOf,
  input,
  intAttribute,
  intsAttribute,
  intsOf,
  makeValue,
  numbersFor,
  type Operator,
  refuse,
  stepsOf,
} from "./value.js";

interface Reduction {
  readonly start: number;
  readonly step: (sum: number, x: number) => number;
  readonly end?: (sum: number, count: number) => number;
}

function reduction({ start, step, end = (sum) => sum }: Reduction): Operator {
  return (call) => {
    const x = input(call, 0);
    const keep = intAttribute(call.node, "keepdims", 1) === 1;
    const axes = intsOf(call, "axes", 1);
    if (axes?.length === 0 && intAttribute(call.node, "noop_with_empty_axes", 0) === 1) return [x];
    const { shape, gone } = reducedShape(call.node, x.shape, axes?.length === 0 ? undefined : axes, keep);
    call.meter.value(x.shape, call.node);
    const sums = new Float64Array(elementCount(shape)).fill(start);
    const kept = x.shape.map((size, axis) => (gone.has(axis) ? 1 : size));
    const at = broadcastIndices(kept, x.shape);
    for (let i = 0; i < x.data.length; i++) sums[at(i)] = step(sums[at(i)], x.data[i]);
    const count = x.data.length / Math.max(1, sums.length);
    return [
      makeValue(
        x.kind,
        shape,
        numbersFor(x.kind, sums.length).map((_, i) => end(sums[i], count)),
      ),
    ];
  };
}

/** The index of the largest along an axis; of equal ones, the first. */
const argMax: Operator = (call) => {
  const x = input(call, 0);
  const axis = axisOf(call.node, intAttribute(call.node, "axis", 0), x.shape.length);
  const keep = intAttribute(call.node, "keepdims", 1) === 1;
  const { shape } = reducedShape(call.node, x.shape, [axis], keep);
  call.meter.value(x.shape, call.node);
  const inner = elementCount(x.shape.slice(axis + 1));
  const size = x.shape[axis];
  const out = numbersFor("int", elementCount(shape));
  for (let i = 0; i < out.length; i++) {
    const start = Math.floor(i / inner) * size * inner + (i % inner);
    let best = 0;
    for (let k = 1; k < size; k++) if (x.data[start + k * inner] > x.data[start + best * inner]) best = k;
    out[i] = best;
  }
  return [makeValue("int", shape, out)];
};

/** Along one axis; before opset 13 over everything from the axis on. */
const softmax: Operator = (call) => {
  const x = input(call, 0);
  const newer = call.opset >= 13;
  const axis = axisOf(call.node, intAttribute(call.node, "axis", newer ? -1 : 1), x.shape.length);
  const size = newer ? x.shape[axis] : elementCount(x.shape.slice(axis));
  const inner = newer ? elementCount(x.shape.slice(axis + 1)) : 1;
  call.meter.value(x.shape, call.node);
  const out = new Float32Array(x.data.length);
  for (let row = 0; row < out.length / size; row++) {
    const start = Math.floor(row / inner) * size * inner + (row % inner);
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < size; k++) top = Math.max(top, x.data[start + k * inner]);
    let sum = 0;
    for (let k = 0; k < size; k++) sum += Math.exp(x.data[start + k * inner] - top);
    for (let k = 0; k < size; k++) out[start + k * inner] = Math.exp(x.data[start + k * inner] - top) / sum;
  }
  return [makeValue("float", x.shape, out)];
};

const matMul: Operator = (call) => {
  const [a, b] = [input(call, 0), input(call, 1)];
  const [left, right] = [a.shape, b.shape];
  if (left.length < 2 || right.length < 2) refuse(call.node, "vectors");
  const [m, k] = left.slice(-2);
  const [rows, n] = right.slice(-2);
  if (k !== rows) refuse(call.node, `${left.join("×")} times ${right.join("×")}`);
  const outer = broadcastShape(call.node, left.slice(0, -2), right.slice(0, -2));
  const shape = [...outer, m, n];
  call.meter.value(shape, call.node);
  call.meter.steps(elementCount(shape) * k, call.node);
  const out = numbersFor(a.kind, elementCount(shape));
  const [ai, bi] = [broadcastIndices(left.slice(0, -2), outer), broadcastIndices(right.slice(0, -2), outer)];
  for (let o = 0; o < elementCount(outer); o++) {
    const [p, q] = [ai(o) * m * k, bi(o) * k * n];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let c = 0; c < k; c++) sum += a.data[p + i * k + c] * b.data[q + c * n + j];
        out[o * m * n + i * n + j] = sum;
      }
    }
  }
  return [makeValue(a.kind, shape, out)];
};

/** Kernels of one pixel, with which heads weigh their bins. */
const conv: Operator = (call) => {
  const [x, weight] = [input(call, 0), input(call, 1)];
  const [n, c, h, w] = x.shape;
  const [o, i, kh, kw] = weight.shape;
  const plain =
    x.shape.length === 4 &&
    kh === 1 &&
    kw === 1 &&
    i === c &&
    intAttribute(call.node, "group", 1) === 1 &&
    (intsAttribute(call.node, "strides") ?? []).every((step) => step === 1) &&
    (intsAttribute(call.node, "pads") ?? []).every((pad) => pad === 0);
  if (!plain) refuse(call.node, "a convolution in the head's decoding that is more than a weighted sum of channels");
  const shape = [n, o, h, w];
  call.meter.value(shape, call.node);
  call.meter.steps(elementCount(shape) * c, call.node);
  const plane = h * w;
  const out = new Float32Array(elementCount(shape));
  const bias = call.inputs[2];
  for (let image = 0; image < n; image++) {
    for (let f = 0; f < o; f++) {
      const to = (image * o + f) * plane;
      for (let p = 0; p < plane; p++) {
        let sum = bias?.data[f] ?? 0;
        for (let k = 0; k < c; k++) sum += weight.data[f * c + k] * x.data[(image * c + k) * plane + p];
        out[to + p] = sum;
      }
    }
  }
  return [makeValue("float", shape, out)];
};

const cumSum: Operator = (call) => {
  const x = input(call, 0);
  const axis = axisOf(call.node, input(call, 1).data[0], x.shape.length);
  call.meter.value(x.shape, call.node);
  const step = stepsOf(x.shape)[axis];
  const out = numbersFor(x.kind, x.data.length);
  for (let i = 0; i < out.length; i++) {
    const first = Math.floor(i / step) % x.shape[axis] === 0;
    out[i] = x.data[i] + (first ? 0 : out[i - step]);
  }
  return [makeValue(x.kind, x.shape, out)];
};

export const SUMS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["ReduceSum", reduction({ start: 0, step: (sum, x) => sum + x })],
  ["ReduceMean", reduction({ start: 0, step: (sum, x) => sum + x, end: (sum, count) => sum / count })],
  ["ReduceProd", reduction({ start: 1, step: (sum, x) => sum * x })],
  ["ReduceMax", reduction({ start: Number.NEGATIVE_INFINITY, step: Math.max })],
  ["ReduceMin", reduction({ start: Number.POSITIVE_INFINITY, step: Math.min })],
  ["ArgMax", argMax],
  ["Softmax", softmax],
  ["MatMul", matMul],
  ["Conv", conv],
  ["CumSum", cumSum],
]);
