/** Operators that work number by number. */

import { elementCount, sameShape } from "../../tensor/index.js";
import { broadcastShape } from "./shapes.js";
import {
  type Call,
  floatAttribute,
  input,
  intAttribute,
  makeValue,
  numbersFor,
  type OnnxValue,
  type Operator,
  refuse,
  stepsOf,
  type ValueKind,
} from "./value.js";

type Binary = (a: number, b: number) => number;

/** `kind` is that of the result; by default that of the operands. */
function binary(compute: (whole: boolean, call: Call) => Binary, kind?: ValueKind): Operator {
  return (call) => {
    const [a, b] = [input(call, 0), input(call, 1)];
    const shape = broadcastShape(call.node, a.shape, b.shape);
    call.meter.value(shape, call.node);
    const out = numbersFor(kind ?? a.kind, elementCount(shape));
    broadcast(a, b, shape, compute(a.kind !== "float", call), out);
    return [makeValue(kind ?? a.kind, shape, out)];
  };
}

function broadcast(
  a: OnnxValue,
  b: OnnxValue,
  shape: readonly number[],
  compute: Binary,
  out: Float32Array | Float64Array,
): void {
  const [x, y] = [a.data, b.data];
  if (y.length === 1 && sameShape(a.shape, shape)) {
    const scalar = y[0];
    for (let i = 0; i < out.length; i++) out[i] = compute(x[i], scalar);
    return;
  }
  if (sameShape(a.shape, b.shape)) {
    for (let i = 0; i < out.length; i++) out[i] = compute(x[i], y[i]);
    return;
  }
  const [ax, by] = [broadcastIndices(a.shape, shape), broadcastIndices(b.shape, shape)];
  for (let i = 0; i < out.length; i++) out[i] = compute(x[ax(i)], y[by(i)]);
}

/** Index of element i of the broadcast shape in a value of the given shape. */
export function broadcastIndices(from: readonly number[], to: readonly number[]): (index: number) => number {
  if (sameShape(from, to)) return (index) => index;
  const steps = stepsOf(to);
  const own = stepsOf(from);
  const shift = to.length - from.length;
  const parts = from.flatMap((size, axis) =>
    size === 1 ? [] : [{ step: steps[axis + shift], size: to[axis + shift], own: own[axis] }],
  );
  return (index) => {
    let at = 0;
    for (const { step, size, own: mine } of parts) at += (Math.floor(index / step) % size) * mine;
    return at;
  };
}

function unary(compute: (call: Call) => (x: number) => number, kind?: ValueKind): Operator {
  return (call) => {
    const x = input(call, 0);
    call.meter.value(x.shape, call.node);
    const each = compute(call);
    const out = numbersFor(kind ?? x.kind, x.data.length);
    for (let i = 0; i < out.length; i++) out[i] = each(x.data[i]);
    return [makeValue(kind ?? x.kind, x.shape, out)];
  };
}

/** Any number of operands. */
function folded(compute: Binary): Operator {
  return (call) => {
    let value = input(call, 0);
    for (let i = 1; i < call.inputs.length; i++) {
      [value] = binary(() => compute)({ ...call, inputs: [value, input(call, i)] });
    }
    return [value];
  };
}

/** TensorProto.DataType → what it is here. */
function castKind(call: Call): ValueKind {
  const to = intAttribute(call.node, "to", 1);
  if ([1, 10, 11, 16].includes(to)) return "float";
  if (to === 9) return "bool";
  return [2, 3, 5, 6, 7, 12, 13].includes(to)
    ? "int"
    : refuse(call.node, `casts to type ${to}, which no YOLO export does`);
}

const cast: Operator = (call) => {
  const kind = castKind(call);
  const x = input(call, 0);
  if (kind === x.kind) return [x];
  const convert = kind === "float" ? (x: number) => x : kind === "bool" ? (x: number) => Number(x !== 0) : Math.trunc;
  return unary(() => convert, kind)(call);
};

const clip: Operator = (call) => {
  const low = call.inputs[1]?.data[0] ?? floatAttribute(call.node, "min", Number.NEGATIVE_INFINITY);
  const high = call.inputs[2]?.data[0] ?? floatAttribute(call.node, "max", Number.POSITIVE_INFINITY);
  return unary(() => (x) => Math.min(Math.max(x, low), high))({ ...call, inputs: [input(call, 0)] });
};

const where: Operator = (call) => {
  const [condition, a, b] = [input(call, 0), input(call, 1), input(call, 2)];
  const shape = broadcastShape(call.node, condition.shape, broadcastShape(call.node, a.shape, b.shape));
  call.meter.value(shape, call.node);
  const out = numbersFor(a.kind, elementCount(shape));
  const [c, x, y] = [condition, a, b].map((value) => broadcastIndices(value.shape, shape));
  for (let i = 0; i < out.length; i++) out[i] = condition.data[c(i)] ? a.data[x(i)] : b.data[y(i)];
  return [makeValue(a.kind, shape, out)];
};

/** 1 ÷ (1 + e⁻ˣ) in float32's steps, as runtimes compute it. */
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const floorMod: Binary = (a, b) => a - b * Math.floor(a / b);

export const ELEMENTWISE: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["Add", binary(() => (a, b) => a + b)],
  ["Sub", binary(() => (a, b) => a - b)],
  ["Mul", binary(() => (a, b) => a * b)],
  ["Div", binary((whole) => (whole ? (a, b) => Math.trunc(a / b) : (a, b) => a / b))],
  ["Pow", binary(() => (a, b) => (b === 2 ? a * a : a ** b))],
  ["Mod", binary((_, { node }) => (intAttribute(node, "fmod", 0) === 1 ? (a, b) => a % b : floorMod))],
  ["Equal", binary(() => (a, b) => Number(a === b), "bool")],
  ["Greater", binary(() => (a, b) => Number(a > b), "bool")],
  ["GreaterOrEqual", binary(() => (a, b) => Number(a >= b), "bool")],
  ["Less", binary(() => (a, b) => Number(a < b), "bool")],
  ["LessOrEqual", binary(() => (a, b) => Number(a <= b), "bool")],
  ["And", binary(() => (a, b) => Number(a !== 0 && b !== 0), "bool")],
  ["Or", binary(() => (a, b) => Number(a !== 0 || b !== 0), "bool")],
  ["Max", folded(Math.max)],
  ["Min", folded(Math.min)],
  ["Not", unary(() => (x) => Number(x === 0))],
  ["Neg", unary(() => (x) => -x)],
  ["Abs", unary(() => Math.abs)],
  ["Exp", unary(() => Math.exp)],
  ["Log", unary(() => Math.log)],
  ["Sqrt", unary(() => Math.sqrt)],
  ["Reciprocal", unary(() => (x) => 1 / x)],
  ["Floor", unary(() => Math.floor)],
  ["Ceil", unary(() => Math.ceil)],
  ["Tanh", unary(() => Math.tanh)],
  ["Sigmoid", unary(() => sigmoid)],
  ["Relu", unary(() => (x) => Math.max(x, 0))],
  ["Identity", (call) => [input(call, 0)]],
  ["Dropout", (call) => [input(call, 0)]],
  ["Cast", cast],
  ["CastLike", (call) => [makeValue(input(call, 1).kind, input(call, 0).shape, input(call, 0).data)]],
  ["Clip", clip],
  ["Where", where],
]);
