/** Operations for numbers of channels, and which groups give up theirs. */

import { describe, expect, test } from "vitest";
import { moduleFlops, planPruning } from "../../src/compress/index.js";
import { allocate, OperationCount } from "../../src/compress/prune/allocate.js";
import { pruneTo } from "../../src/compress/prune/pruneChannels.js";
import { buildGraph } from "../../src/yolov5/graph/buildGraph.js";
import { codes } from "./support.js";

const SIZE = 128;
const plan = planPruning(codes().module);
const { groups } = plan.grouping;
const operations = new OperationCount(buildGraph(plan.module, [1, 3, SIZE, SIZE]).graph, plan.map, groups);
const whole = groups.map(({ units }) => units.length);

describe("operations", () => {
  test("are those of the pruned network", () => {
    // Biases and activations are not counted.
    expect(operations.total(whole) / moduleFlops(plan.module, [SIZE, SIZE])).toBeCloseTo(1, 1);
    const some = whole.map((count, i) => (i % 3 === 0 ? count / 2 : count));
    const ratio = moduleFlops(pruneTo(plan, some).module, [SIZE, SIZE]) / moduleFlops(plan.module, [SIZE, SIZE]);
    expect(operations.total(some) / operations.total(whole)).toBeCloseTo(ratio, 2);
  });

  test("saved by one group are the difference", () => {
    for (const [group, count] of whole.entries()) {
      const fewer = whole.map((own, g) => (g === group ? count / 2 : own));
      expect(operations.saved(whole, group, count / 2)).toBeCloseTo(
        operations.total(whole) - operations.total(fewer),
        3,
      );
    }
  });
});

describe("allocation", () => {
  const costs = (of: (group: number, at: number) => number) =>
    groups.map(({ units }, g) => ({ units, costs: units.map((_, at) => of(g, at)) }));
  const limit = 0.8 * operations.total(whole);

  test("keeps the limit, multiples, least sizes and what is dear", () => {
    const dear = 5;
    const counts = allocate(
      groups,
      costs((g) => (g === dear ? 1e9 : 1)),
      operations,
      limit,
      { round: 4, atLeast: 0.5 },
    );
    expect(counts).toBeDefined();
    const kept = counts ?? [];
    expect(operations.total(kept)).toBeLessThanOrEqual(limit);
    expect(kept[dear]).toBe(whole[dear]);
    // Nothing was taken in vain: no group could have four more.
    for (const [g, count] of kept.entries()) {
      if (count === whole[g]) continue;
      const more = Math.min(whole[g], count + 4);
      expect(operations.total(kept.map((own, i) => (i === g ? more : own)))).toBeGreaterThan(limit);
    }
    for (const [g, count] of kept.entries()) {
      if (count === whole[g]) continue;
      expect(count % 4).toBe(0);
      expect(count).toBeGreaterThanOrEqual(whole[g] / 2);
    }
  });

  test("takes what is cheap behind what is dear, if both together are cheapest", () => {
    // Only the first eight channels of the last group cost anything, and little for what follows.
    const last = groups.length - 1;
    const counts = allocate(
      groups,
      costs((g, at) => (g !== last ? 10 : at < 8 ? 1 : 0)),
      operations,
      operations.total(whole) - operations.saved(whole, last, whole[last] / 2),
      {},
    );
    expect(counts?.[last]).toBe(whole[last] / 2);
    expect(counts?.filter((count, g) => count !== whole[g])).toHaveLength(1);
  });

  test("goes on from numbers that are smaller already", () => {
    const start = whole.map((count) => (count >= 32 ? count / 2 : count));
    const list = groups.map(({ units }, g) => ({ units, costs: new Array<number>(start[g]).fill(1) }));
    const counts = allocate(groups, list, operations, 0.9 * operations.total(start), { round: 4 }, start) ?? [];
    expect(operations.total(counts)).toBeLessThanOrEqual(0.9 * operations.total(start));
    for (const [g, count] of counts.entries()) expect(count).toBeLessThanOrEqual(start[g]);
  });

  test("says where the limit cannot be reached", () => {
    const least = allocate(
      groups,
      costs(() => 1),
      operations,
      0.01 * operations.total(whole),
      { atLeast: 0.5 },
    );
    expect(least).toBeUndefined();
  });
});
