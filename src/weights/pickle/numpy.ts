/** NumPy's scalars, dtypes and arrays as pickles of NumPy 1 and 2 hold them. */

import { contiguousStrides, type DataByDType, type DType, type HostTensor, halfToFloat } from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { stridedTensor, typedData } from "../formats/storage.js";
import { MAX_DIMENSIONS } from "../limits.js";
import { latin1Bytes, smallest } from "./cursor.js";
import { PyObject, type Value } from "./values.js";

interface NumpyType {
  /** `f8`, `i4`, `b1`, … without the byte order. */
  readonly code: string;
  readonly bigEndian: boolean;
}

/** Characters of a type's name: `<f8`, `datetime64[ns]`. */
const MAX_SPELLING = 32;
/** Bytes of the widest number. */
const WIDEST = 8;

const DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["f8", "float64"],
  ["f4", "float32"],
  ["f2", "float16"],
  ["i8", "int64"],
  ["i4", "int32"],
  ["i2", "int16"],
  ["i1", "int8"],
  ["u1", "uint8"],
  ["b1", "bool"],
]);

/** The type of a pickled `numpy.dtype`: `dtype('f8', False, True)` with state `(3, '<', …)`. */
function numpyType(value: Value): NumpyType | undefined {
  if (!(value instanceof PyObject) || value.className !== "numpy.dtype") return undefined;
  const spelled = value.args[0];
  if (typeof spelled !== "string" || spelled.length > MAX_SPELLING) return undefined;
  const order = Array.isArray(value.state) ? value.state[1] : undefined;
  return { code: spelled.replace(/^[<>=|]/, ""), bigEndian: order === ">" || spelled.startsWith(">") };
}

/** `numpy.dtype('f8')` → `float64`; `undefined` for types without a counterpart here. */
export function numpyDTypeName(value: Value): string | undefined {
  const type = numpyType(value);
  return type && DTYPES.get(type.code);
}

/** `scalar(dtype, bytes)` → a number; anything else (strings, dates, structures) stays a record. */
export function numpyScalar(args: readonly Value[]): Value {
  const type = numpyType(args[0] ?? null);
  const source = args[1] ?? null;
  // Not all of a string that a thousand scalars may share.
  const bytes = typeof source === "string" ? latin1Bytes(source.slice(0, WIDEST)) : source;
  const width = type ? Number(type.code.slice(1)) : 0;
  if (!type || !(bytes instanceof Uint8Array) || bytes.length < width || width === 0) {
    return new PyObject("numpy.scalar", args);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = !type.bigEndian;
  switch (type.code) {
    case "f8":
      return view.getFloat64(0, little);
    case "f4":
      return view.getFloat32(0, little);
    case "f2":
      return halfToFloat(view.getUint16(0, little));
    case "i8":
      return smallest(view.getBigInt64(0, little));
    case "u8":
      return smallest(view.getBigUint64(0, little));
    case "i4":
      return view.getInt32(0, little);
    case "u4":
      return view.getUint32(0, little);
    case "i2":
      return view.getInt16(0, little);
    case "u2":
      return view.getUint16(0, little);
    case "i1":
      return view.getInt8(0);
    case "u1":
      return view.getUint8(0);
    case "b1":
      return view.getUint8(0) !== 0;
    default:
      return new PyObject("numpy.scalar", args);
  }
}

/** `_frombuffer(buffer, dtype, shape, order)`, protocol 5, as the array that `_reconstruct` and its state would give. */
export function numpyFromBuffer(args: readonly Value[]): Value {
  const array = new PyObject("numpy.ndarray", []);
  array.state = [1, args[2] ?? null, args[1] ?? null, args[3] === "F", args[0] ?? null];
  return array;
}

/**
 * A pickled array as a tensor: state `(version, shape, dtype, fortran, bytes)`. `undefined` for arrays of objects,
 * strings and types without a counterpart, which stay records.
 */
export function numpyArray(object: PyObject, budget: Budget): HostTensor | undefined {
  if (object.className !== "numpy.ndarray" || !Array.isArray(object.state) || object.state.length < 5) return undefined;
  const [, shape, dtypeObject, fortran, raw] = object.state;
  const type = numpyType(dtypeObject);
  const dtype = type && DTYPES.get(type.code);
  if (!type || !dtype || !Array.isArray(shape)) return undefined;
  if (shape.length > MAX_DIMENSIONS) damaged(`a numpy array of ${shape.length} dimensions`);
  if (typeof raw === "string") budget.charge(raw.length, "a numpy array");
  const bytes = typeof raw === "string" ? latin1Bytes(raw) : raw;
  if (!(bytes instanceof Uint8Array)) return undefined;
  const size: number[] = [];
  for (const d of shape) {
    if (typeof d !== "number" || !Number.isInteger(d) || d < 0) damaged("a numpy array's shape");
    size.push(d);
  }
  const data: DataByDType[DType] = typedData(dtype, bytes, type.bigEndian, budget);
  const stride = fortran === true ? contiguousStrides([...size].reverse()).reverse() : contiguousStrides(size);
  return stridedTensor(data, dtype, 0, size, stride, budget);
}
