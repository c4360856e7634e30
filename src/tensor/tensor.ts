/** Host tensors: a dtype, a shape and dense row-major data. Nothing here knows of devices or files. */

import { ShapeError } from "../errors.js";
import { allocate, type DataByDType, type DType } from "./dtype.js";
import { bfloat16ArrayToFloat32, halfArrayToFloat32 } from "./half.js";

/** Dense, row-major (C order). Public tensors are NCHW, convolution weights OIHW. */
export interface HostTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DataByDType[D];
}

/** A tensor of float32 numbers. */
export type Float32Tensor = HostTensor<"float32">;

/** Elements of a shape: the product of its dimensions, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}

/**
 * A tensor over `data`, or zeros.
 * @throws ShapeError when the data's length is not the product of the shape.
 */
export function tensor<D extends DType>(dtype: D, shape: readonly number[], data?: DataByDType[D]): HostTensor<D> {
  const count = elementCount(shape);
  const storage = data ?? allocate(dtype, count);
  if (storage.length !== count) {
    throw new ShapeError(`tensor: ${storage.length} elements do not fill the shape ${formatShape(shape)} (${count})`, {
      length: storage.length,
      shape,
    });
  }
  return { dtype, shape, data: storage };
}

/** The same data under another shape of equally many elements. */
export function reshape<D extends DType>(source: HostTensor<D>, shape: readonly number[]): HostTensor<D> {
  return tensor(source.dtype, shape, source.data);
}

/** Item `n` of a batch [N, …] as a batch of one: a view, not a copy. */
export function batchItem<D extends DType>(batch: HostTensor<D>, n: number): HostTensor<D> {
  const [count, ...rest] = batch.shape;
  if (!(n >= 0 && n < count)) {
    throw new ShapeError(`tensor: a batch of ${count} has no item ${n}`, { shape: batch.shape, n });
  }
  const size = elementCount(rest);
  return tensor(batch.dtype, [1, ...rest], batch.data.subarray(n * size, (n + 1) * size) as DataByDType[D]);
}

/** Any numeric tensor as float32 (float32 itself is returned as it is). */
export function toFloat32(source: HostTensor): Float32Tensor {
  const { dtype, shape, data } = source;
  if (dtype === "float32") return source as Float32Tensor;
  if (dtype === "float16") return { dtype: "float32", shape, data: halfArrayToFloat32(data as Uint16Array) };
  if (dtype === "bfloat16") return { dtype: "float32", shape, data: bfloat16ArrayToFloat32(data as Uint16Array) };
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  return { dtype: "float32", shape, data: out };
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** True for equal ranks and dimensions. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** `1×3×640×640`, as messages print shapes. */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}

/** The memory of tensors, each once, for handing it to another thread; shared memory needs no handing over. */
export function buffersOf(tensors: readonly HostTensor[]): ArrayBuffer[] {
  const buffers = tensors.map(({ data }) => data.buffer).filter((buffer) => buffer instanceof ArrayBuffer);
  return [...new Set(buffers)];
}
