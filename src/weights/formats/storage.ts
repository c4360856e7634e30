/**
 * PyTorch storages and the tensors over them: views of the file where alignment and strides permit, copies elsewhere.
 */

import {
  allocate,
  BYTES_PER_ELEMENT,
  contiguousStrides,
  type DataByDType,
  type DType,
  formatShape,
  type HostTensor,
} from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { MAX_DIMENSIONS } from "../limits.js";

/** `HalfStorage` of module torch or torch.cuda → float16. Types that the engine has no use for are absent. */
const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["DoubleStorage", "float64"],
  ["FloatStorage", "float32"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
]);

/** Element type of a storage class, `undefined` for untyped and unknown ones. */
export function storageDType(className: string): DType | undefined {
  return STORAGE_DTYPES.get(className.slice(className.lastIndexOf(".") + 1));
}

/** `torch.float16` (or `torch.half`) → float16. */
export function torchDType(name: string): DType | undefined {
  const short = name.replace(/^torch\./, "");
  if (short in BYTES_PER_ELEMENT && Object.hasOwn(BYTES_PER_ELEMENT, short)) return short as DType;
  return ALIASES.get(short);
}

const ALIASES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["double", "float64"],
  ["float", "float32"],
  ["half", "float16"],
  ["long", "int64"],
  ["int", "int32"],
  ["short", "int16"],
]);

/** The bytes of one storage, shared by every tensor over it. */
export class StorageBytes {
  private readonly typed = new Map<DType, DataByDType[DType]>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly bigEndian: boolean,
    private readonly budget: Budget,
  ) {}

  get byteLength(): number {
    return this.bytes.byteLength;
  }

  /** All whole elements as `dtype`: a view where the bytes are aligned and little-endian, else one copy. */
  as<D extends DType>(dtype: D): DataByDType[D] {
    const known = this.typed.get(dtype);
    if (known) return known as DataByDType[D];
    const made = typedData(dtype, this.bytes, this.bigEndian, this.budget);
    this.typed.set(dtype, made);
    return made;
  }
}

/** Bytes of a file as elements; a view where aligned and little-endian. */
export function typedData<D extends DType>(
  dtype: D,
  bytes: Uint8Array,
  bigEndian: boolean,
  budget: Budget,
): DataByDType[D] {
  const width = BYTES_PER_ELEMENT[dtype];
  const length = Math.floor(bytes.byteLength / width);
  const swap = bigEndian && width > 1;
  if (!swap && bytes.byteOffset % width === 0) {
    // allocate(dtype, 0) names the right typed array without a second table of constructors.
    const View = allocate(dtype, 0).constructor as new (
      buffer: ArrayBufferLike,
      offset: number,
      length: number,
    ) => DataByDType[D];
    return new View(bytes.buffer, bytes.byteOffset, length);
  }
  budget.charge(length * width, `a copy of ${length} ${dtype} elements`);
  const data = allocate(dtype, length);
  const target = new Uint8Array(data.buffer);
  if (swap) {
    for (let i = 0; i < target.length; i++) target[i] = bytes[i - (i % width) + (width - 1 - (i % width))];
  } else {
    target.set(bytes.subarray(0, target.length));
  }
  return data;
}

/**
 * The tensor that `offset`, `size` and `stride` (elements) describe over a storage, dense and row-major.
 * A contiguous tensor is a view; any other is copied, which is charged to the budget first.
 * @throws CheckpointError where it does not fit into the storage.
 */
export function stridedTensor(
  data: DataByDType[DType],
  dtype: DType,
  offset: number,
  size: readonly number[],
  stride: readonly number[],
  budget: Budget,
): HostTensor {
  if (size.length !== stride.length || size.length > MAX_DIMENSIONS) {
    damaged(`a tensor with ${size.length} sizes and ${stride.length} strides`, { size, stride });
  }
  let count = 1;
  let last = offset;
  for (let axis = 0; axis < size.length; axis++) {
    count *= size[axis];
    last += (size[axis] - 1) * stride[axis];
  }
  if (!Number.isSafeInteger(count)) damaged(`a tensor of shape ${formatShape(size)} is too large`, { size });
  if (count === 0) return { dtype, shape: size, data: allocate(dtype, 0) };
  if (!(last < data.length)) {
    damaged(
      `a tensor of shape ${formatShape(size)}, strides [${stride}] and offset ${offset} needs ${last + 1} elements, its storage has ${data.length}`,
      { size, stride, offset, storage: data.length },
    );
  }
  const dense = contiguousStrides(size);
  if (size.every((d, axis) => d === 1 || stride[axis] === dense[axis])) {
    return { dtype, shape: size, data: data.subarray(offset, offset + count) as DataByDType[DType] };
  }
  budget.charge(count * BYTES_PER_ELEMENT[dtype], `a strided tensor of shape ${formatShape(size)}`);
  return { dtype, shape: size, data: gather(data, dtype, offset, size, stride, count) };
}

/** Copies a strided view into row-major order, one innermost row at a time. */
function gather(
  source: DataByDType[DType],
  dtype: DType,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
): DataByDType[DType] {
  // Without axes of one index, which move nothing and would cost a step for every row.
  const size = shape.filter((d) => d !== 1);
  const stride = strides.filter((_, axis) => shape[axis] !== 1);
  const out = allocate(dtype, count);
  const inner = size.length - 1;
  const index = new Array<number>(size.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; ) {
    for (let k = 0; k < size[inner]; k++) out[i++] = source[at + k * stride[inner]];
    for (let axis = inner - 1; axis >= 0; axis--) {
      at += stride[axis];
      if (++index[axis] < size[axis]) break;
      at -= size[axis] * stride[axis];
      index[axis] = 0;
    }
  }
  return out;
}
