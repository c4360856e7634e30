/** Operators that move numbers without changing them. */

import { elementCount } from "../../tensor/index.js";
import {
  concatenatedShape,
  reshapedShape,
  slicedAxes,
  splitSizes,
  squeezedShape,
  transposedAxes,
  unsqueezedShape,
} from "./shapes.js";
import {
  axisOf,
  type Call,
  fromTensor,
  input,
  intAttribute,
  integers,
  intsAttribute,
  intsOf,
  makeValue,
  numbersFor,
  type OnnxValue,
  type Operator,
  refuse,
  stepsOf,
} from "./value.js";

const reshaped = (value: OnnxValue, shape: readonly number[]): OnnxValue => makeValue(value.kind, shape, value.data);

/** Reads a value with given steps: the result's dimensions, each with the distance between neighbours. */
function gatherSteps(
  call: Call,
  x: OnnxValue,
  shape: readonly number[],
  steps: readonly number[],
  start = 0,
): OnnxValue {
  call.meter.value(shape, call.node);
  const out = numbersFor(x.kind, elementCount(shape));
  if (out.length === 0) return makeValue(x.kind, shape, out);
  const rank = shape.length;
  const last = shape[rank - 1] ?? 1;
  const lastStep = steps[rank - 1] ?? 1;
  const index = new Array<number>(rank).fill(0);
  let from = start;
  for (let to = 0; to < out.length; ) {
    for (let i = 0, at = from; i < last; i++, at += lastStep) out[to++] = x.data[at];
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return makeValue(x.kind, shape, out);
}

const transpose: Operator = (call) => {
  const x = input(call, 0);
  const axes = transposedAxes(call.node, x.shape.length, intsAttribute(call.node, "perm"));
  const steps = stepsOf(x.shape);
  return [
    gatherSteps(
      call,
      x,
      axes.map((axis) => x.shape[axis]),
      axes.map((axis) => steps[axis]),
    ),
  ];
};

const reshape: Operator = (call) => {
  const x = input(call, 0);
  const wanted = Array.from(input(call, 1).data);
  return [reshaped(x, reshapedShape(call.node, x.shape, wanted, intAttribute(call.node, "allowzero", 0) === 1))];
};

const flatten: Operator = (call) => {
  const x = input(call, 0);
  const axis = intAttribute(call.node, "axis", 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  return [reshaped(x, [elementCount(x.shape.slice(0, at)), elementCount(x.shape.slice(at))])];
};

const slice: Operator = (call) => {
  const x = input(call, 0);
  const [starts, ends] = [intsOf(call, "starts", 1) ?? [], intsOf(call, "ends", 2) ?? []];
  const axes = slicedAxes(call.node, x.shape, starts, ends, intsOf(call, "axes", 3), intsOf(call, "steps", 4));
  const shape = [...x.shape];
  const steps = stepsOf(x.shape);
  let first = 0;
  for (const { axis, start, step, count } of axes) {
    first += start * steps[axis];
    shape[axis] = count;
    steps[axis] *= step;
  }
  return [gatherSteps(call, x, shape, steps, first)];
};

const split: Operator = (call) => {
  const x = input(call, 0);
  const axis = axisOf(call.node, intAttribute(call.node, "axis", 0), x.shape.length);
  const sizes = splitSizes(call.node, x.shape[axis], intsOf(call, "split", 1), call.node.outputs.length);
  const steps = stepsOf(x.shape);
  let start = 0;
  return sizes.map((size) => {
    const part = gatherSteps(
      call,
      x,
      x.shape.map((n, i) => (i === axis ? size : n)),
      steps,
      start * steps[axis],
    );
    start += size;
    return part;
  });
};

const concat: Operator = (call) => {
  const parts = call.inputs.map((_, i) => input(call, i));
  const axis = intAttribute(call.node, "axis", 0);
  const shape = concatenatedShape(
    call.node,
    parts.map((part) => part.shape),
    axis,
  );
  call.meter.value(shape, call.node);
  const along = axisOf(call.node, axis, shape.length);
  const inner = elementCount(shape.slice(along + 1));
  const outer = elementCount(shape.slice(0, along));
  const out = numbersFor(parts[0].kind, elementCount(shape));
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const { data, shape: own } of parts) {
      const run = own[along] * inner;
      out.set(data.subarray(o * run, (o + 1) * run), at);
      at += run;
    }
  }
  return [makeValue(parts[0].kind, shape, out)];
};

const expand: Operator = (call) => {
  const x = input(call, 0);
  const wanted = Array.from(input(call, 1).data);
  const rank = Math.max(wanted.length, x.shape.length);
  const steps = stepsOf(x.shape);
  const pick = Array.from({ length: rank }, (_, i) => {
    const own = x.shape[i - rank + x.shape.length] ?? 1;
    const to = wanted[i - rank + wanted.length] ?? 1;
    if (own !== 1 && to !== 1 && own !== to) refuse(call.node, `${x.shape.join("×")} to ${wanted.join("×")}`);
    return { size: own === 1 ? to : own, step: own === 1 ? 0 : steps[i - rank + x.shape.length] };
  });
  return [
    gatherSteps(
      call,
      x,
      pick.map(({ size }) => size),
      pick.map(({ step }) => step),
    ),
  ];
};

const tile: Operator = (call) => {
  const x = input(call, 0);
  const repeats = Array.from(input(call, 1).data);
  const steps = stepsOf(x.shape);
  // A repeated dimension is two: the repeats, which do not move, and the dimension.
  const shape = x.shape.flatMap((size, axis) => [repeats[axis] ?? 1, size]);
  const moved = x.shape.flatMap((_, axis) => [0, steps[axis]]);
  return [
    reshaped(
      gatherSteps(call, x, shape, moved),
      x.shape.map((size, axis) => size * (repeats[axis] ?? 1)),
    ),
  ];
};

const range: Operator = (call) => {
  const [start, limit, delta] = [input(call, 0), input(call, 1), input(call, 2)].map(({ data }) => data[0]);
  const { kind } = input(call, 0);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  call.meter.value([count], call.node);
  return [
    makeValue(
      kind,
      [count],
      numbersFor(kind, count).map((_, i) => start + i * delta),
    ),
  ];
};

const constantOfShape: Operator = (call) => {
  const shape = Array.from(input(call, 0).data);
  call.meter.value(shape, call.node);
  const given = call.node.attributes.get("value");
  const value = given?.kind === "tensor" ? fromTensor(given.value) : undefined;
  const kind = value?.kind ?? "float";
  return [makeValue(kind, shape, numbersFor(kind, elementCount(shape)).fill(value?.data[0] ?? 0))];
};

const shapeOf: Operator = (call) => {
  const { shape } = input(call, 0);
  const start = intAttribute(call.node, "start", 0);
  return [integers(shape.slice(start, intAttribute(call.node, "end", shape.length)))];
};

const constant: Operator = ({ node }) => {
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === "tensor") return [fromTensor(attribute.value)];
    if (attribute.kind === "int") return [{ kind: "int", shape: [], data: Float64Array.of(attribute.value) }];
    if (attribute.kind === "float") return [{ kind: "float", shape: [], data: Float32Array.of(attribute.value) }];
    if (attribute.kind === "ints") return [integers(attribute.value)];
    if (attribute.kind === "floats") {
      return [{ kind: "float", shape: [attribute.value.length], data: Float32Array.from(attribute.value) }];
    }
  }
  return refuse({ ...node }, "its constant has no numbers");
};

export const MOVES: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["Transpose", transpose],
  ["Reshape", reshape],
  ["Flatten", flatten],
  ["Slice", slice],
  ["Split", split],
  ["Concat", concat],
  ["Expand", expand],
  ["Tile", tile],
  ["Range", range],
  ["ConstantOfShape", constantOfShape],
  ["Constant", constant],
  ["Shape", shapeOf],
  ["Size", (call) => [{ kind: "int", shape: [], data: Float64Array.of(elementCount(input(call, 0).shape)) }]],
  [
    "Unsqueeze",
    (call) => {
      const x = input(call, 0);
      return [reshaped(x, unsqueezedShape(call.node, x.shape, intsOf(call, "axes", 1) ?? []))];
    },
  ],
  [
    "Squeeze",
    (call) => {
      const x = input(call, 0);
      return [reshaped(x, squeezedShape(call.node, x.shape, intsOf(call, "axes", 1)))];
    },
  ],
]);
