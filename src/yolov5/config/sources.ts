/** Tensors for synthesised modules: from a state dict, or seeded random ones for benches. */

import { elementCount, type HostTensor, seededRandom, tensor } from "../../tensor/index.js";
import type { TensorSource } from "./layerFactory.js";

/** Tensors of a state dict, in the file's own shapes. */
export function stateDictSource(stateDict: ReadonlyMap<string, HostTensor>): TensorSource {
  const counts = new Map<string, number>();
  for (const name of stateDict.keys()) {
    for (const match of name.matchAll(/\.(\d+)(?=\.)/g)) {
      const prefix = name.slice(0, match.index);
      counts.set(prefix, Math.max(counts.get(prefix) ?? 0, Number(match[1]) + 1));
    }
  }
  return {
    has: (name) => stateDict.has(name),
    get: (name) => stateDict.get(name),
    count: (prefix) => counts.get(prefix),
  };
}

/**
 * Random weights that preserve the scale of activations: convolutions uniform with variance 2 ÷ fan-in (He et al.
 * 2015), BatchNorm at its initial values, low head biases so that few boxes pass.
 * @param take receives the functions that draw a tensor's values, to be called in this order; default: calls each at
 * once.
 */
export function randomSource(seed: number, take: (draw: () => void) => void = (draw) => draw()): TensorSource {
  const random = seededRandom(seed);
  return {
    has: (name) => name.includes(".bn.") || name.endsWith(".bn.weight"),
    get(name, shape) {
      const data = new Float32Array(elementCount(shape));
      if (name.endsWith("running_var") || name.endsWith("bn.weight")) data.fill(1);
      else if (name.endsWith("running_mean") || name.endsWith("bn.bias")) data.fill(0);
      else if (shape.length === 1) data.fill(-2);
      else {
        const fanIn = elementCount(shape.slice(1));
        const bound = Math.sqrt(6 / fanIn);
        take(() => {
          for (let i = 0; i < data.length; i++) data[i] = (random() * 2 - 1) * bound;
        });
      }
      return tensor("float32", shape, data);
    },
    count: () => undefined,
  };
}
