/**
 * BatchNorm's statistics from pictures, for a network that has never seen any. Random weights with means of 0 and variances of
 * 1 let activations shrink or grow from layer to layer; with statistics of their own, every channel enters training with a
 * spread of 1, as in data-dependent initialisation (Krähenbühl et al. 2016).
 */

import { Breather } from "../../breathe.js";
import { producersOf } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import { type Float32Tensor, type HostTensor, tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { changeTree, isAsStored, storedLike, tensorOfPath } from "../prune/moduleTensors.js";
import { LayerwiseRun } from "./layerwise.js";
import { channelMoments } from "./moments.js";

/** Options of `measureNorms`. */
export interface MeasureNormsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Receives the number of layers done, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Sets the statistics of every BatchNorm to those of what it reads, layer after layer, so that each is measured behind those
 * before it.
 * @param inputs pictures of one size, see `calibrationInputs`.
 * @returns the tree with new statistics.
 */
export async function measureNorms(
  module: ModuleNode,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  { signal, onProgress }: MeasureNormsOptions = {},
): Promise<ModuleNode> {
  const breather = new Breather(signal);
  const [, , h, w] = inputs[0].shape;
  const { graph } = buildGraph(module, [1, 3, h, w]);
  const run = new LayerwiseRun(graph, backend, inputs, breather);
  const producers = producersOf(graph);
  const changed = new Map<HostTensor, HostTensor>();
  const norms = [...graph.nodes.entries()].filter(([, { type }]) => type === "batchNorm");
  for (const [done, [i, node]] of norms.entries()) {
    await run.advance(i);
    const [x] = node.inputs;
    const before = graph.nodes[producers.get(x) ?? i];
    const weight = before.type === "conv2d" ? graph.constants.get(before.inputs[1]) : undefined;
    const stored = tensorOfPath(module, `${before.name}.weight`);
    // Channels in another order than the file's cannot be put back.
    if (!weight || !stored || isAsStored(weight, stored)) {
      const { mean, variance } = await channelMoments(run.of(x), breather);
      for (const [id, data] of [[node.inputs[3], mean] as const, [node.inputs[4], variance] as const]) {
        const old = tensorOfPath(module, graph.values[id].name);
        if (!old) continue;
        const measured = Float32Array.from(data);
        changed.set(old, storedLike(old, old.shape, measured));
        run.setConstant(id, tensor("float32", old.shape, measured));
      }
    }
    onProgress?.(done + 1, norms.length);
    await breather.rest();
  }
  return changeTree(module, { tensors: changed });
}
