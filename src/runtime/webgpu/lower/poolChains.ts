/** SPPF: three max pools, each over the one before, whose outputs all go into one concat, become one dispatch. */

import { chainsWindow, maxPoolChainCall } from "../../../kernels/wgsl/index.js";
import { type Graph, type Node, type NodeOf, producersOf, type ValueId } from "../../../ops/index.js";
import type { Lowering } from "./lowering.js";

type Pool = NodeOf<"maxPool2d">;

function isLink(node: Node | undefined): node is Pool {
  if (node?.type !== "maxPool2d") return false;
  const { kernel, stride, padding, dilation, ceilMode } = node.attrs;
  const [window] = kernel;
  const same = [...kernel].every((k) => k === window) && padding.every((p) => p === window >> 1);
  return same && !ceilMode && [...stride, ...dilation].every((v) => v === 1) && chainsWindow(window);
}

/** By the first pool of each chain the outputs of all three. */
export function poolChains(graph: Graph): Map<Node, readonly ValueId[]> {
  const producers = producersOf(graph);
  const before = (node: Pool): Node | undefined => graph.nodes[producers.get(node.inputs[0]) ?? -1];
  const chains = new Map<Node, readonly ValueId[]>();
  for (const third of graph.nodes) {
    if (!isLink(third)) continue;
    const second = before(third);
    const first = isLink(second) ? before(second) : undefined;
    if (!isLink(second) || !isLink(first)) continue;
    const pools = [first, second, third];
    if (pools.every(({ attrs }) => attrs.kernel[0] === third.attrs.kernel[0]) && !chains.has(first)) {
      chains.set(
        first,
        pools.flatMap(({ outputs }) => outputs),
      );
    }
  }
  return chains;
}

/**
 * @returns false, and nothing done, where the three outputs do not lie in one storage: a dispatch has one output as far as memory
 * planning knows, and the others must live as long as that.
 */
export function lowerPoolChain(lowering: Lowering, node: Pool, outputs: readonly ValueId[]): boolean {
  const { places } = lowering.placement;
  const parents = new Set(outputs.map((id) => places.get(id)?.parent));
  if (parents.size !== 1 || parents.has(undefined)) return false;
  const x = lowering.blocked(node.inputs[0]);
  const [first, second, third] = outputs.map((id) => lowering.output(id));
  lowering.emit(maxPoolChainCall(third.stored, node.attrs.kernel[0]), [x, first, second, third]);
  return true;
}
