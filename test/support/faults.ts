/** One fault at a time in a model's tree, for tests that a comparison finds it: where it is, and how to undo it. */

import { type HostTensor, halfToFloat } from "../../src/tensor/index.js";
import type { ModuleNode } from "../../src/weights/index.js";

export const FAULTS = ["flipped weight", "scaled bias", "swapped channels", "shifted padding", "wrong eps"] as const;
export type Fault = (typeof FAULTS)[number];

/** A convolution with its BatchNorm, below the layer that it belongs to. */
interface Site {
  readonly conv: ModuleNode;
  readonly norm: ModuleNode | undefined;
}

/** The first convolution of a layer, in the order in which it runs; undefined where it has none. */
export function siteOf(layer: ModuleNode): Site | undefined {
  let conv: ModuleNode | undefined;
  let norm: ModuleNode | undefined;
  const walk = (node: ModuleNode): void => {
    if (!conv && node.type === "Conv2d") conv = node;
    else if (conv && !norm && node.type === "BatchNorm2d") norm = node;
    if (!norm) for (const child of node.children.values()) walk(child);
  };
  walk(layer);
  return conv && { conv, norm };
}

type Numbers = Uint16Array | Float32Array;

function numbersOf(tensor: HostTensor | undefined): Numbers | undefined {
  return tensor?.data as Numbers | undefined;
}

function magnitude(data: Numbers, i: number): number {
  return Math.abs(data instanceof Uint16Array ? halfToFloat(data[i]) : data[i]);
}

/** Makes the fault. @returns what takes it back, or undefined where this layer cannot have it. */
export function injectFault({ conv, norm }: Site, fault: Fault): (() => void) | undefined {
  const weight = conv.parameters.get("weight");
  const data = numbersOf(weight);
  if (!weight || !data) return undefined;
  const [out, , kh, kw] = weight.shape;
  const restore = (numbers: Numbers): (() => void) => {
    const kept = numbers.slice();
    return () => numbers.set(kept);
  };
  const undo = restore(data);
  switch (fault) {
    case "flipped weight": {
      // Of median size: no worst case, and not one that is next to nothing.
      const order = [...data.keys()].sort((a, b) => magnitude(data, a) - magnitude(data, b));
      const at = order[order.length >> 1];
      if (data instanceof Uint16Array) data[at] ^= 0x8000;
      else data[at] = -data[at];
      return undo;
    }
    case "scaled bias": {
      const bias = numbersOf((norm ?? conv).parameters.get("bias"));
      if (!bias) return undefined;
      const back = restore(bias);
      // A step of float16 at least, which is a thousandth.
      for (let i = 0; i < bias.length; i++) bias[i] = bias instanceof Uint16Array ? bias[i] + 4 : bias[i] * 1.004;
      return back;
    }
    case "swapped channels": {
      const size = data.length / out;
      if (out < 2) return undefined;
      const first = data.slice(0, size);
      data.copyWithin(0, size, 2 * size);
      data.set(first, size);
      return undo;
    }
    case "shifted padding": {
      // Padding one more on the left and one less on the right reads every tap one pixel further left.
      if (kw < 3) return undefined;
      for (let row = 0; row < data.length / kw; row++) {
        data.copyWithin(row * kw, row * kw + 1, (row + 1) * kw);
        data[(row + 1) * kw - 1] = 0;
      }
      return kh > 0 ? undo : undefined;
    }
    case "wrong eps": {
      if (!norm) return undefined;
      const attributes = norm.attributes as Map<string, unknown>;
      const kept = attributes.get("eps");
      attributes.set("eps", Number(kept) === 1e-5 ? 1e-3 : 1e-5);
      return () => attributes.set("eps", kept);
    }
  }
}
