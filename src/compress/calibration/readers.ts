/**
 * Covariances of every convolution's input in the unpruned network on the calibration pictures, for
 * `eliminationScores`.
 */

import { Breather } from "../../breathe.js";
import type { ValueId } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import type { ChannelMap } from "../prune/channels.js";
import type { Reader } from "../prune/elimination.js";
import { LayerwiseRun } from "./layerwise.js";
import { channelStatistics } from "./regression.js";

export interface ReaderOptions {
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @param map channel map of the same tree, from a graph of any input size. */
export async function observeReaders(
  module: ModuleNode,
  map: ChannelMap,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  options: ReaderOptions = {},
): Promise<Reader[]> {
  const [, , h, w] = inputs[0].shape;
  const { graph } = buildGraph(module, [1, 3, h, w]);
  const breather = new Breather(options.signal);
  const run = new LayerwiseRun(graph, backend, inputs, breather);
  const uses = new Map(map.weights.filter(({ layout }) => layout === "conv").map((use) => [use.node.name, use]));
  const covariances = new Map<ValueId, Float64Array>();
  const readers: Reader[] = [];
  for (const [index, node] of graph.nodes.entries()) {
    const use = uses.get(node.name);
    if (!use || node.type !== "conv2d") continue;
    await breather.rest();
    await run.advance(index);
    const [x] = node.inputs;
    const covariance = covariances.get(x) ?? (await channelStatistics(run.of(x), breather)).covariance;
    covariances.set(x, covariance);
    readers.push({ use, covariance });
    options.onProgress?.(readers.length, uses.size);
  }
  return readers;
}
