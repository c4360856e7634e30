/** Weights that are computed when somebody reads them. Apart from `tensor.ts`: pages load this with the engine. */

import { halfArrayToFloat32, halfTable } from "./half.js";
import { type Float32Tensor, type HostTensor, toFloat32 } from "./tensor.js";

/** What a tensor is computed from. The same name and the same sources give the same numbers. */
export interface Recipe {
  readonly name: string;
  readonly from: readonly HostTensor[];
}

const recipes = new WeakMap<HostTensor, Recipe>();

/** Undefined for tensors that came with their numbers. */
export const recipeOf = (tensor: HostTensor): Recipe | undefined => recipes.get(tensor);

/** A tensor whose numbers are made when they are first asked for. */
export function tensorLater(shape: readonly number[], recipe: Recipe, make: () => Float32Array): Float32Tensor {
  let made: Float32Array | undefined;
  const tensor: Float32Tensor = {
    dtype: "float32",
    shape,
    get data() {
      made ??= make();
      return made;
    },
  };
  recipes.set(tensor, recipe);
  return tensor;
}

/** What `toFloat32Later` gave and has not converted yet. */
const unconverted = new WeakMap<HostTensor, Uint16Array>();

/**
 * As `toFloat32`, but float16 is converted when the numbers are first asked for: those of most weights never are, because BatchNorm is
 * folded from `halvesOf` them.
 */
export function toFloat32Later(source: HostTensor): Float32Tensor {
  if (source.dtype !== "float16") return toFloat32(source);
  const halves = source.data as Uint16Array;
  const tensor = tensorLater(source.shape, { name: "float32", from: [source] }, () => {
    unconverted.delete(tensor);
    return halfArrayToFloat32(halves);
  });
  unconverted.set(tensor, halves);
  return tensor;
}

/** The float16 numbers of a tensor that was not converted yet. */
export const halvesOf = (tensor: HostTensor): Uint16Array | undefined => unconverted.get(tensor);

/** target[i] = source[i] · scale for i in [from, to), rounded to float32 once. */
export function scaleHalves(target: Float32Array, source: Uint16Array, from: number, to: number, scale: number): void {
  const values = halfTable();
  for (let i = from; i < to; i++) target[i] = values[source[i]] * scale;
}
