/** Element types of host tensors and of checkpoint storages. */

/** PyTorch's names. `float16` and `bfloat16` are stored as raw 16-bit patterns. */
export type DType =
  | "float64"
  | "float32"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

export interface DataByDType {
  float64: Float64Array;
  float32: Float32Array;
  /** Raw IEEE 754 binary16 patterns; see `half.ts`. */
  float16: Uint16Array;
  /** Raw bfloat16 patterns: the upper half of a float32. */
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int16: Int16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

const CONSTRUCTORS: { readonly [D in DType]: new (length: number) => DataByDType[D] } = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Zero-filled storage of `length` elements. */
export function allocate<D extends DType>(dtype: D, length: number): DataByDType[D] {
  return new CONSTRUCTORS[dtype](length);
}
