/** A graph becomes a plan: dispatches, the storages they touch, where inputs go and outputs come from. */

import type { ConvKernel } from "../../kernels/wgsl/index.js";
import { type Graph, opOf, type ValueId } from "../../ops/index.js";
import { type ConvChoice, lowerConv2d, lowerConvTranspose2d } from "./lowerConv.js";
import { Lowering } from "./lowering.js";
import { lowerOp } from "./lowerOps.js";
import { placeValues } from "./placement.js";
import type { Plan, Tensor } from "./plan.js";

/**
 * `keep`: values whose storages nothing may overwrite. `convKernels`: in order of preference. `half`: pictures and weights of
 * convolutions in float16. `choice`: goes before the preference.
 */
export function lowerGraph(
  graph: Graph,
  convKernels: readonly ConvKernel[],
  keep: ReadonlySet<ValueId>,
  half = false,
  choice?: ConvChoice,
): Plan {
  const lowering = new Lowering(graph, placeValues(graph, keep), half);
  const inputs = graph.inputs.map((id) => {
    const upload = lowering.plainOutput(id);
    // Written before the first dispatch.
    upload.storage.first = -1;
    return upload;
  });
  for (const node of graph.nodes) {
    const descs = (ids: readonly ValueId[]) => ids.map((id) => graph.values[id]);
    lowering.begin(node);
    const before = lowering.steps.length;
    if (node.type === "conv2d") lowerConv2d(lowering, node, convKernels, choice);
    else if (node.type === "convTranspose2d") lowerConvTranspose2d(lowering, node);
    else lowerOp(lowering, node);
    const working = lowering.steps.slice(before).findLast((step) => !step.isCopy);
    if (working) working.flops = opOf(node).flops(descs(node.inputs), descs(node.outputs), node.attrs);
  }
  const outputs = graph.outputs.map((id) => {
    lowering.begin({ name: graph.values[id].name, type: "flatten" });
    const output = lowering.plain(id);
    output.storage.last = Number.POSITIVE_INFINITY;
    return output;
  });
  const kept = new Map<ValueId, Tensor>();
  for (const id of keep) {
    const tensor = lowering.known(id);
    if (!tensor) continue;
    tensor.storage.last = Number.POSITIVE_INFINITY;
    kept.set(id, tensor);
  }
  const [detect] = lowering.detects.filter(({ output }) => graph.outputs.includes(output) && !isRead(graph, output));
  return { steps: lowering.steps, storages: lowering.storages, inputs, outputs, detect, kept };
}

const isRead = (graph: Graph, id: ValueId): boolean => graph.nodes.some(({ inputs }) => inputs.includes(id));
