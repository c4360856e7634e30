/** Networks for pruning tests, and the unpruned twin of a pruned network. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Unit } from "../../src/compress/prune/channels.js";
import { changeTree, tensorOfPath } from "../../src/compress/prune/moduleTensors.js";
import type { PruningPlan } from "../../src/compress/prune/pruneChannels.js";
import type { Backend } from "../../src/runtime/backend.js";
import { type Float32Tensor, type HostTensor, seededRandom, tensor, toFloat32 } from "../../src/tensor/index.js";
import type { ModuleNode } from "../../src/weights/types.js";
import { type OpenedModel, openModel } from "../../src/yolov5/loadModel.js";
import { Network } from "../../src/yolov5/network.js";
import { REPOSITORY } from "../support/reference.js";

/** The embedded model: real weights, small, always there. */
export function codes(): OpenedModel {
  const path = join(REPOSITORY, "models", "codes.safetensors");
  return openModel(readFileSync(path), { path });
}

export function noise(h: number, w: number, seed = 3): Float32Tensor {
  const random = seededRandom(seed);
  return tensor(
    "float32",
    [1, 3, h, w],
    Float32Array.from({ length: 3 * h * w }, () => random()),
  );
}

/** The graph's outputs: all rows of a head, also where it picks the best of them, among which near ties may change places. */
export async function outputsOf(module: ModuleNode, backend: Backend, input: HostTensor): Promise<HostTensor[]> {
  const network = new Network(module, backend);
  const [n, c, h, w] = input.shape;
  try {
    return await network.with([n, c, h, w], (executable) => executable.run([input]));
  } finally {
    network.dispose();
  }
}

/**
 * The unpruned network with the removed channels silenced: γ and β of their BatchNorms, or their filters, are zero. As
 * activations of zero are zero, it must give what the pruned network gives.
 */
export function silenced({ module, map }: PruningPlan, removed: ReadonlySet<Unit>): ModuleNode {
  const tensors = new Map<HostTensor, HostTensor>();
  const zero = (name: string, units: readonly Unit[]): void => {
    const source = tensorOfPath(module, name);
    if (!source) return;
    const data = toFloat32(source).data.slice();
    const step = data.length / units.length;
    for (const [i, unit] of units.entries()) if (removed.has(unit)) data.fill(0, i * step, (i + 1) * step);
    tensors.set(source, tensor("float32", source.shape, data));
  };
  // The first axis of a transposed convolution's weight is its input.
  const zeroSecondAxis = (name: string, units: readonly Unit[]): void => {
    const source = tensorOfPath(module, name);
    if (!source) return;
    const data = toFloat32(source).data.slice();
    const step = source.shape[2] * source.shape[3];
    for (let block = 0; block * step < data.length; block++) {
      if (removed.has(units[block % units.length])) data.fill(0, block * step, (block + 1) * step);
    }
    tensors.set(source, tensor("float32", source.shape, data));
  };
  for (const { node, channels } of map.norms) {
    zero(`${node.name}.weight`, channels);
    zero(`${node.name}.bias`, channels);
  }
  for (const { node, outputs, layout } of map.weights) {
    if (layout === "transposed") zeroSecondAxis(`${node.name}.weight`, outputs);
    else zero(`${node.name}.weight`, outputs);
    zero(`${node.name}.bias`, outputs);
  }
  return changeTree(module, { tensors, attributes: new Map() });
}
