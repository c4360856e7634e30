/** Weights that are computed when somebody reads them. Apart from `tensor.ts`: pages load this with the engine. */

import { convertHalves } from "./half.js";
import { elementCount, type Float32Tensor, type HostTensor, toFloat32 } from "./tensor.js";

/** What a tensor is computed from. The same name and the same sources give the same numbers. */
export interface Recipe {
  readonly name: string;
  readonly from: readonly HostTensor[];
}

interface Later {
  readonly recipe: Recipe;
  /** Writes all numbers; undefined once they are kept. */
  make: ((target: Float32Array) => void) | undefined;
}

const laters = new WeakMap<HostTensor, Later>();

/** Undefined for tensors that came with their numbers. */
export const recipeOf = (tensor: HostTensor): Recipe | undefined => laters.get(tensor)?.recipe;

/**
 * A tensor whose numbers are made when they are first asked for.
 * @param make writes all of them; may be called more than once.
 */
export function tensorLater(
  shape: readonly number[],
  recipe: Recipe,
  make: (target: Float32Array) => void,
): Float32Tensor {
  const later: Later = { recipe, make };
  let made: Float32Array | undefined;
  const tensor: Float32Tensor = {
    dtype: "float32",
    shape,
    get data() {
      if (!made) {
        const data = new Float32Array(elementCount(shape));
        make(data);
        later.make = undefined;
        made = data;
      }
      return made;
    },
  };
  laters.set(tensor, later);
  return tensor;
}

/** Writes a tensor's numbers as float32. Those that it does not have yet are not kept. */
export function copyNumbers(target: Float32Array, tensor: HostTensor): void {
  const make = laters.get(tensor)?.make;
  if (make) make(target);
  else target.set(toFloat32(tensor).data);
}

/** Kept as long as it is nobody's burden: memory that was touched before is faster than new memory. */
let passing: WeakRef<Float32Array> | undefined;

/** As `tensor.data`, for somebody who reads it now and once, as packing does: as `copyNumbers`, into memory that the next call overwrites. */
export function numbersInPassing(tensor: Float32Tensor): Float32Array {
  if (!laters.get(tensor)?.make) return tensor.data;
  const count = elementCount(tensor.shape);
  let memory = passing?.deref();
  if (!memory || memory.length < count) {
    memory = new Float32Array(count);
    passing = new WeakRef(memory);
  }
  const numbers = memory.subarray(0, count);
  copyNumbers(numbers, tensor);
  return numbers;
}

/** As `toFloat32`, but float16 is converted when the numbers are first asked for: folding BatchNorm copies them instead. */
export function toFloat32Later(source: HostTensor): Float32Tensor {
  if (source.dtype !== "float16") return toFloat32(source);
  const recipe = { name: "float32", from: [source] };
  return tensorLater(source.shape, recipe, (target) => convertHalves(target, source.data as Uint16Array));
}
