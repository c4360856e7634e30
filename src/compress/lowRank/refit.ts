/**
 * The second convolution of every pair again, by ridge regression on calibration pictures: what the layer gave in the network as it
 * was, from what the first convolution gives behind the pairs before it (asymmetric reconstruction, Zhang et al. 2016).
 */

import type { Breather } from "../../breathe.js";
import type { Graph, NodeOf } from "../../ops/index.js";
import type { Backend } from "../../runtime/backend.js";
import { elementCount, type Float32Tensor, type HostTensor, reshape, toFloat32 } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { LayerwiseRun } from "../calibration/layerwise.js";
import { regressTowards } from "../calibration/regression.js";
import { changeTree, storedLike, tensorOfPath } from "../prune/moduleTensors.js";

/**
 * @param original the network as it was
 * @param factored the same with pairs; `layers` are the names of the convolutions that they replace
 * @param inputs calibration pictures of one size
 */
export async function refitPairs(
  original: ModuleNode,
  factored: ModuleNode,
  layers: readonly string[],
  inputs: readonly Float32Tensor[],
  backend: Backend,
  breather: Breather,
  onProgress?: (done: number, total: number) => void,
): Promise<ModuleNode> {
  const [, , h, w] = inputs[0].shape;
  const full = new LayerwiseRun(buildGraph(original, [1, 3, h, w]).graph, backend, inputs, breather);
  const own = new LayerwiseRun(buildGraph(factored, [1, 3, h, w]).graph, backend, inputs, breather);
  const changed = new Map<HostTensor, HostTensor>();
  const set = (run: LayerwiseRun, value: number, data: Float32Array): void => {
    const old = tensorOfPath(factored, run.graph.values[value].name);
    if (!old || elementCount(old.shape) !== data.length) return;
    const stored = storedLike(old, old.shape, data);
    changed.set(old, stored);
    run.setConstant(value, reshape(toFloat32(stored), run.graph.values[value].shape));
  };
  for (const [done, name] of layers.entries()) {
    const [before, wanted] = convolution(full.graph, name);
    const [after, pixel] = convolution(own.graph, `${name}.1`);
    await full.advance(before + 1);
    await own.advance(after);
    const [between, weight, bias] = pixel.inputs;
    const prior = own.constant(weight);
    if (prior) {
      const fit = await regressTowards(toFloat32(prior).data, full.of(wanted.outputs[0]), own.of(between), breather);
      set(own, weight, Float32Array.from(fit.matrix));
      set(own, bias, Float32Array.from(fit.offset));
    }
    onProgress?.(done + 1, layers.length);
  }
  return changeTree(factored, { tensors: changed });
}

function convolution({ nodes }: Graph, name: string): [index: number, node: NodeOf<"conv2d">] {
  const index = nodes.findIndex((node) => node.name === name);
  return [index, nodes[index] as NodeOf<"conv2d">];
}
