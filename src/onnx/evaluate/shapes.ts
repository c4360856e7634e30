/** Output shapes of operators, from the shapes and constants that they read; shared by evaluation and inference. */

import { elementCount } from "../../tensor/index.js";
import type { OnnxNode } from "../../weights/onnx/types.js";
import { axisOf, refuse } from "./value.js";

/** NumPy's broadcasting. */
export function broadcastShape(node: OnnxNode, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) refuse(node, `${a.join("×")} and ${b.join("×")} do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** 0 keeps a dimension (without `allowZero`), -1 takes what is left. */
export function reshapedShape(
  node: OnnxNode,
  from: readonly number[],
  wanted: readonly number[],
  allowZero: boolean,
): number[] {
  const shape = wanted.map((size, axis) => (size === 0 && !allowZero ? from[axis] : size));
  const total = elementCount(from);
  const known = elementCount(shape.filter((size) => size !== -1));
  const open = shape.filter((size) => size === -1).length;
  const filled = shape.map((size) => (size === -1 ? total / known : size));
  const whole = filled.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (open > 1 || !whole || elementCount(filled) !== total) {
    refuse(node, `${from.join("×")} cannot become ${wanted.join("×")}`);
  }
  return filled;
}

/** Start, length and step along each sliced axis. */
export interface SlicedAxis {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Slice's bounds, cut to the shape as ONNX defines it. */
export function slicedAxes(
  node: OnnxNode,
  shape: readonly number[],
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[] | undefined,
  steps: readonly number[] | undefined,
): SlicedAxis[] {
  return starts.map((from, i) => {
    const axis = axisOf(node, axes?.[i] ?? i, shape.length);
    const step = steps?.[i] ?? 1;
    const size = shape[axis];
    if (!(Number.isInteger(step) && step !== 0)) refuse(node, `step ${step}`);
    const place = (value: number): number => (value < 0 ? value + size : value);
    const low = step > 0 ? 0 : -1;
    const high = step > 0 ? size : size - 1;
    const clamp = (value: number): number => Math.min(Math.max(place(value), low), high);
    const start = Math.max(0, clamp(from));
    // The smallest end that a backward slice can name is written as a number far below -size.
    const end = step < 0 && ends[i] < -size ? -1 : clamp(ends[i]);
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

/** Lengths of a split's parts. */
export function splitSizes(
  node: OnnxNode,
  size: number,
  given: readonly number[] | undefined,
  parts: number,
): readonly number[] {
  if (!given) {
    const each = Math.ceil(size / parts);
    return Array.from({ length: parts }, (_, i) => Math.min(each, size - i * each));
  }
  if (given.length !== parts || given.reduce((sum, n) => sum + n, 0) !== size || given.some((n) => !(n >= 0))) {
    refuse(node, `${size} cannot be split into ${given.join(", ")}`);
  }
  return given;
}

export function unsqueezedShape(node: OnnxNode, shape: readonly number[], axes: readonly number[]): number[] {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(node, axis, rank)));
  if (added.size !== axes.length) refuse(node, `axes ${axes.join(", ")}`);
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : shape[next++]));
}

export function squeezedShape(node: OnnxNode, shape: readonly number[], axes: readonly number[] | undefined): number[] {
  const gone = new Set(axes?.map((axis) => axisOf(node, axis, shape.length)));
  if ([...gone].some((axis) => shape[axis] !== 1)) refuse(node, `${shape.join("×")} has no dimension of 1 there`);
  return shape.filter((size, axis) => (axes ? !gone.has(axis) : size !== 1));
}

export function reducedShape(
  node: OnnxNode,
  shape: readonly number[],
  axes: readonly number[] | undefined,
  keep: boolean,
): { readonly shape: number[]; readonly gone: ReadonlySet<number> } {
  const all = shape.map((_, axis) => axis);
  const gone = new Set(axes?.map((axis) => axisOf(node, axis, shape.length)) ?? all);
  const kept = all.filter((axis) => keep || !gone.has(axis));
  return { shape: kept.map((axis) => (gone.has(axis) ? 1 : shape[axis])), gone };
}

export function transposedAxes(node: OnnxNode, rank: number, perm: readonly number[] | undefined): readonly number[] {
  const axes = perm ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const valid = axes.length === rank && new Set(axes.map((axis) => axisOf(node, axis, rank))).size === rank;
  return valid ? axes : refuse(node, `perm ${axes.join(", ")} of ${rank} dimensions`);
}

export function concatenatedShape(node: OnnxNode, shapes: readonly (readonly number[])[], axis: number): number[] {
  const [first] = shapes;
  const along = axisOf(node, axis, first?.length ?? 0);
  const fits = shapes.every(
    (shape) => shape.length === first.length && shape.every((n, i) => i === along || n === first[i]),
  );
  if (!fits) refuse(node, "its inputs do not fit together");
  return first.map((n, i) => (i === along ? shapes.reduce((sum, shape) => sum + shape[i], 0) : n));
}
