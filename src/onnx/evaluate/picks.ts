/** Operators that pick numbers by index. */

import { elementCount } from "../../tensor/index.js";
import {
  axisOf,
  type Call,
  input,
  intAttribute,
  makeValue,
  numbersFor,
  type Operator,
  refuse,
  stepsOf,
} from "./value.js";

/** An index counted from the front. @throws UnsupportedError for one outside. */
function place(call: Call, index: number, size: number): number {
  const at = index < 0 ? index + size : index;
  if (!(Number.isInteger(at) && at >= 0 && at < size)) refuse(call.node, `index ${index} of ${size}`);
  return at;
}

const gather: Operator = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  const axis = axisOf(call.node, intAttribute(call.node, "axis", 0), x.shape.length);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  call.meter.value(shape, call.node);
  const inner = elementCount(x.shape.slice(axis + 1));
  const outer = elementCount(x.shape.slice(0, axis));
  const out = numbersFor(x.kind, elementCount(shape));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of indices.data) {
      const from = (o * x.shape[axis] + place(call, index, x.shape[axis])) * inner;
      out.set(x.data.subarray(from, from + inner), at);
      at += inner;
    }
  }
  return [makeValue(x.kind, shape, out)];
};

const gatherElements: Operator = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  const axis = axisOf(call.node, intAttribute(call.node, "axis", 0), x.shape.length);
  if (indices.shape.length !== x.shape.length) refuse(call.node, "its indices and its data have different ranks");
  call.meter.value(indices.shape, call.node);
  const out = numbersFor(x.kind, indices.data.length);
  const steps = stepsOf(x.shape);
  const own = stepsOf(indices.shape);
  for (let i = 0; i < out.length; i++) {
    let from = 0;
    for (let d = 0; d < steps.length; d++) {
      const index = d === axis ? place(call, indices.data[i], x.shape[d]) : Math.floor(i / own[d]) % indices.shape[d];
      from += index * steps[d];
    }
    out[i] = x.data[from];
  }
  return [makeValue(x.kind, indices.shape, out)];
};

const gatherNd: Operator = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  const batch = intAttribute(call.node, "batch_dims", 0);
  const depth = indices.shape[indices.shape.length - 1] ?? 0;
  if (!(batch >= 0 && batch + depth <= x.shape.length && indices.shape.length > batch))
    refuse(call.node, "its indices");
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
  call.meter.value(shape, call.node);
  const steps = stepsOf(x.shape);
  const inner = elementCount(x.shape.slice(batch + depth));
  const perBatch = elementCount(indices.shape.slice(batch, -1));
  const batchSize = elementCount(x.shape.slice(batch));
  const out = numbersFor(x.kind, elementCount(shape));
  for (let i = 0, at = 0; at < out.length; i++, at += inner) {
    let from = Math.floor(i / perBatch) * batchSize;
    for (let d = 0; d < depth; d++) {
      from += place(call, indices.data[i * depth + d], x.shape[batch + d]) * steps[batch + d];
    }
    out.set(x.data.subarray(from, from + inner), at);
  }
  return [makeValue(x.kind, shape, out)];
};

const scatterNd: Operator = (call) => {
  const [x, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)];
  if ((call.node.attributes.get("reduction")?.kind ?? "none") !== "none") refuse(call.node, "it has a reduction");
  const depth = indices.shape[indices.shape.length - 1] ?? 0;
  if (!(depth >= 1 && depth <= x.shape.length)) refuse(call.node, "its indices");
  call.meter.value(x.shape, call.node);
  call.meter.value(indices.shape, call.node);
  const out = numbersFor(x.kind, x.data.length);
  out.set(x.data);
  const steps = stepsOf(x.shape);
  const inner = elementCount(x.shape.slice(depth));
  for (let i = 0; i * depth < indices.data.length; i++) {
    let to = 0;
    for (let d = 0; d < depth; d++) to += place(call, indices.data[i * depth + d], x.shape[d]) * steps[d];
    out.set(updates.data.subarray(i * inner, (i + 1) * inner), to);
  }
  return [makeValue(x.kind, x.shape, out)];
};

/** The k largest (or smallest) along an axis and their indices; of equal ones, the first. */
const topK: Operator = (call) => {
  const x = input(call, 0);
  const axis = axisOf(call.node, intAttribute(call.node, "axis", -1), x.shape.length);
  const k = call.inputs[1]?.data[0] ?? intAttribute(call.node, "k", 1);
  const sign = intAttribute(call.node, "largest", 1) === 1 ? -1 : 1;
  const size = x.shape[axis];
  if (!(Number.isInteger(k) && k >= 0 && k <= size)) refuse(call.node, `asks for the ${k} best of ${size} values`);
  const shape = x.shape.map((n, i) => (i === axis ? k : n));
  call.meter.steps(x.data.length * 16, call.node);
  const inner = elementCount(x.shape.slice(axis + 1));
  const outer = elementCount(x.shape.slice(0, axis));
  const values = numbersFor(x.kind, elementCount(shape));
  const indices = new Float64Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (index: number): number => x.data[(o * size + index) * inner + i];
      const order = Uint32Array.from({ length: size }, (_, index) => index);
      order.sort((a, b) => sign * (at(a) - at(b)) || a - b);
      for (let rank = 0; rank < k; rank++) {
        const to = (o * k + rank) * inner + i;
        values[to] = at(order[rank]);
        indices[to] = order[rank];
      }
    }
  }
  return [makeValue(x.kind, shape, values), makeValue("int", shape, indices)];
};

export const PICKS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["GatherND", gatherNd],
  ["ScatterND", scatterNd],
  ["TopK", topK],
]);
