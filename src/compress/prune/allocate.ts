/**
 * How many channels each group keeps, so that a share of the operations is left at the least cost: step by step, the group that
 * loses least for the operations that it saves gives up a few channels.
 */

import { type Graph, opOf } from "../../ops/index.js";
import type { ChannelMap, Unit } from "./channels.js";
import type { Elimination } from "./elimination.js";
import type { ChannelGroup } from "./groups.js";
import { roundKept, type SelectOptions } from "./select.js";

/** Operations of a convolution for each pair of an output and an input channel that it has. */
interface Product {
  readonly perPair: number;
  /** Channels that are never removed, and groups whose channels stand here (as often as listed). */
  readonly outputs: Side;
  /** Undefined for depthwise convolutions. */
  readonly inputs: Side | undefined;
}

interface Side {
  readonly total: number;
  /** Channels of each group. */
  readonly byGroup: ReadonlyMap<number, number>;
}

/** Counts the operations of convolutions for numbers of channels left in each group. */
export class OperationCount {
  private readonly products: readonly Product[];
  private readonly ofGroup: readonly Product[][];

  constructor(
    graph: Graph,
    map: ChannelMap,
    private readonly groups: readonly ChannelGroup[],
  ) {
    const groupOf = new Map<Unit, number>(groups.flatMap(({ units }, g) => units.map((unit) => [unit, g] as const)));
    const side = (units: readonly Unit[]): Side => {
      const byGroup = new Map<number, number>();
      for (const unit of units) {
        const group = groupOf.get(unit);
        if (group !== undefined) byGroup.set(group, (byGroup.get(group) ?? 0) + 1);
      }
      return { total: units.length, byGroup };
    };
    const describe = (ids: readonly number[]) => ids.map((id) => graph.values[id]);
    this.products = map.weights.map(({ node, inputs, outputs, layout }): Product => {
      const total = opOf(node).flops(describe(node.inputs), describe(node.outputs), node.attrs);
      const depthwise = layout === "depthwise" || layout === "transposedDepthwise";
      return {
        perPair: total / outputs.length / (depthwise ? 1 : inputs.length),
        outputs: side(outputs),
        inputs: depthwise ? undefined : side(inputs),
      };
    });
    this.ofGroup = groups.map((_, g) =>
      this.products.filter(({ outputs, inputs }) => outputs.byGroup.has(g) || inputs?.byGroup.has(g)),
    );
  }

  total(counts: readonly number[]): number {
    return this.products.reduce((sum, product) => sum + this.operations(product, counts), 0);
  }

  /** What is saved if a group keeps fewer channels. */
  saved(counts: readonly number[], group: number, kept: number): number {
    const fewer = counts.map((count, g) => (g === group ? kept : count));
    return this.ofGroup[group].reduce(
      (sum, product) => sum + this.operations(product, counts) - this.operations(product, fewer),
      0,
    );
  }

  private operations({ perPair, outputs, inputs }: Product, counts: readonly number[]): number {
    return perPair * this.left(outputs, counts) * (inputs ? this.left(inputs, counts) : 1);
  }

  private left({ total, byGroup }: Side, counts: readonly number[]): number {
    let left = total;
    for (const [g, channels] of byGroup) left -= channels * (1 - counts[g] / this.groups[g].units.length);
    return left;
  }
}

/**
 * @param eliminated for each group, what its units cost beyond those that it has lost at `start`
 * @param limit operations that may be left
 * @param start channels that each group has
 * @returns channels that each group keeps; undefined if the groups' minimum sizes do not allow it.
 */
export function allocate(
  groups: readonly ChannelGroup[],
  eliminated: readonly Elimination[],
  operations: OperationCount,
  limit: number,
  options: Pick<SelectOptions, "round" | "atLeast">,
  start: readonly number[] = groups.map(({ units }) => units.length),
): number[] | undefined {
  const counts = [...start];
  let left = operations.total(counts);
  while (left > limit) {
    let best: { group: number; kept: number; saved: number; ratio: number } | undefined;
    for (const [group, { units }] of groups.entries()) {
      const { costs } = eliminated[group];
      let cost = 0;
      let at = start[group] - counts[group];
      // A step may be dear and the next one cheap: the best slope is looked for, however far.
      for (const kept of smaller(counts[group], units.length, options)) {
        if (start[group] - kept > costs.length) break;
        for (; at < start[group] - kept; at++) cost += costs[at];
        const saved = operations.saved(counts, group, kept);
        const ratio = cost / Math.max(saved, 1e-9);
        if (!best || ratio < best.ratio) best = { group, kept, saved, ratio };
      }
    }
    if (!best) return undefined;
    counts[best.group] = best.kept;
    left -= best.saved;
  }
  giveBack(groups, eliminated, operations, limit, options, start, counts);
  return counts;
}

/** The last step may have saved more than was needed: what is dearest for its operations comes back while there is room. */
function giveBack(
  groups: readonly ChannelGroup[],
  eliminated: readonly Elimination[],
  operations: OperationCount,
  limit: number,
  options: Pick<SelectOptions, "round" | "atLeast">,
  start: readonly number[],
  counts: number[],
): void {
  for (;;) {
    const left = operations.total(counts);
    let best: { group: number; kept: number; ratio: number } | undefined;
    for (const [group, { units }] of groups.entries()) {
      const larger = [...smaller(start[group], units.length, options), start[group]].filter((k) => k > counts[group]);
      if (larger.length === 0) continue;
      const kept = Math.min(...larger);
      const added = -operations.saved(counts, group, kept);
      if (left + added > limit) continue;
      const { costs } = eliminated[group];
      let cost = 0;
      for (let at = start[group] - kept; at < start[group] - counts[group]; at++) cost += costs[at];
      const ratio = cost / Math.max(added, 1e-9);
      if (!best || ratio > best.ratio) best = { group, kept, ratio };
    }
    if (!best) return;
    counts[best.group] = best.kept;
  }
}

/** Permitted numbers of channels below the present one, the largest first. */
function* smaller(count: number, size: number, options: Pick<SelectOptions, "round" | "atLeast">): Generator<number> {
  let last = count;
  for (let kept = count - 1; kept > 0; kept--) {
    const allowed = roundKept(kept, size, options);
    if (allowed >= last || allowed > kept) continue;
    last = allowed;
    yield allowed;
  }
}
