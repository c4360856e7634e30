/** Outputs bit by bit. */

import { createHash } from "node:crypto";
import type { HostTensor } from "../../../../src/tensor/index.js";

/** The bits of a float32 tensor; −0 is taken as 0, for a product with a weight of 0 may be either. */
export function bitsOf({ data }: HostTensor): Uint32Array {
  return new Uint32Array(Float32Array.from(data as Float32Array, (value) => value + 0).buffer);
}

export const hashOf = (tensors: readonly HostTensor[]): string => {
  const hash = createHash("sha256");
  for (const tensor of tensors) hash.update(bitsOf(tensor));
  return hash.digest("hex");
};
