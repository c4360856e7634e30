/** A graph becomes a plan: dispatches, the storages they touch, where inputs go and outputs come from. */

import { type Graph, type Node, nodeFlops, type ValueId } from "../../../ops/index.js";
import { type ConvChoice, lowerConv2d, lowerConvTranspose2d } from "./lowerConv.js";
import { Lowering } from "./lowering.js";
import { lowerOp } from "./lowerOps.js";
import { placeValues } from "./placement.js";
import type { Plan, Tensor } from "./plan.js";
import { lowerPoolChain, poolChains } from "./poolChains.js";

export interface LowerOptions {
  /** What runs each convolution. */
  readonly choice: ConvChoice;
  /** Values whose storages nothing may overwrite. */
  readonly keep?: ReadonlySet<ValueId>;
  /** Pictures and weights of convolutions in float16. */
  readonly half?: boolean;
  /** SPPF's three pools in one dispatch, in workgroup memory. */
  readonly chainPools?: boolean;
}

export function lowerGraph(graph: Graph, options: LowerOptions): Plan {
  const { choice, keep = new Set(), half = false, chainPools = false } = options;
  const lowering = new Lowering(graph, placeValues(graph, keep), half);
  const chains = chainPools ? poolChains(graph) : new Map<Node, readonly ValueId[]>();
  const pooled = new Set<ValueId>();
  const inputs = graph.inputs.map((id) => {
    const upload = lowering.denseOutput(id);
    // Written before the first dispatch.
    upload.storage.first = -1;
    return upload;
  });
  for (const node of graph.nodes) {
    lowering.enter(node);
    const before = lowering.steps.length;
    const chain = chains.get(node);
    if (pooled.has(node.outputs[0])) continue;
    if (node.type === "conv2d") lowerConv2d(lowering, node, choice);
    else if (node.type === "convTranspose2d") lowerConvTranspose2d(lowering, node);
    else if (node.type === "maxPool2d" && chain && lowerPoolChain(lowering, node, chain)) {
      for (const id of chain) pooled.add(id);
    } else lowerOp(lowering, node);
    const working = lowering.steps.slice(before).findLast((step) => !step.isCopy);
    if (working) working.flops = nodeFlops(graph, node);
  }
  const outputs = graph.outputs.map((id) => {
    lowering.enter({ name: graph.values[id].name, type: "flatten" });
    const output = lowering.dense(id);
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
