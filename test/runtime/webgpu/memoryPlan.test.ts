/** No two storages that are alive together share a byte, and the whole stays near the least that any plan needs. */

import { describe, expect, it } from "vitest";
import { type Graph, liveSetBytes, mergeSiblings, optimize } from "../../../src/ops/index.js";
import { CONV_KERNELS, cheapestOf } from "../../../src/runtime/webgpu/choose/convKernels.js";
import { lowerGraph } from "../../../src/runtime/webgpu/lower/lowerGraph.js";
import { type MemoryPlan, planMemory, plannedBytes } from "../../../src/runtime/webgpu/lower/memoryPlan.js";
import type { Plan, Storage } from "../../../src/runtime/webgpu/lower/plan.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { randomModel } from "../../../src/yolov5/loadModel.js";
import { tinyNetwork } from "../../support/blocks.js";

/** What a GPU gets. */
const choice = cheapestOf(CONV_KERNELS.values());
const NO_LIMIT = 2 ** 40;

/** What the backend makes of a graph on a GPU. */
function lower(graph: Graph, keepAll = false): Plan {
  const keep = new Set(keepAll ? graph.taps.values() : []);
  return lowerGraph(mergeSiblings(graph), { choice, keep, chainPools: true });
}

/** Pairs of storages that are alive at one step and overlap in memory. */
function collisions(plan: Plan, memory: MemoryPlan): string[] {
  const found: string[] = [];
  const range = (s: Storage) => {
    const at = memory.locations[s.id];
    return at ? { arena: at.arena, start: at.offset, end: at.offset + s.bytes } : undefined;
  };
  plan.storages.forEach((a, i) => {
    plan.storages.slice(i + 1).forEach((b) => {
      const [x, y] = [range(a), range(b)];
      if (!x || !y || x.arena !== y.arena) return;
      const together = a.first <= b.last && b.first <= a.last;
      if (together && x.start < y.end && y.start < x.end) found.push(`${a.id} and ${b.id}`);
    });
  });
  return found;
}

/** Steps whose inputs cannot be bound: two overlapping inputs in the buffer of the output. */
function unbindable(plan: Plan, memory: MemoryPlan): string[] {
  return plan.steps.flatMap(({ node, operands }) => {
    const tensors = operands.flatMap((o) => (o.kind === "constant" ? [] : [o]));
    const arenaOf = (s: Storage) => memory.locations[s.id]?.arena;
    const output = tensors[tensors.length - 1];
    const shared = tensors.slice(0, -1).filter((t) => arenaOf(t.storage) === arenaOf(output.storage));
    const starts = new Set(shared.map((t) => `${t.storage.id}@${t.byteOffset}`));
    return starts.size === shared.length ? [] : [node.name];
  });
}

describe("memory plan", () => {
  it.each([
    [16, 32, 1, false],
    [10, 36, 2, false],
    [16, 64, 1, true],
  ])(
    "separates values of a network of width %i at %i pixels, batch %i, taps kept %s",
    (width, size, batch, keepAll) => {
      const plan = lower(tinyNetwork(width, size, batch), keepAll);
      const memory = planMemory(plan, NO_LIMIT);
      expect(collisions(plan, memory)).toEqual([]);
      expect(unbindable(plan, memory)).toEqual([]);
      for (const location of memory.locations) expect((location?.offset ?? 0) % 256).toBe(0);
    },
  );

  it.each(["yolov5n", "yolov5s", "yolov5x", "yolov5n6"])(
    "needs at most a quarter more than the live set of %s at 640",
    (name) => {
      const graph = optimize(buildGraph(randomModel(name).module, [1, 3, 640, 640]).graph);
      const plan = lower(graph);
      const memory = planMemory(plan, NO_LIMIT);
      expect(collisions(plan, memory)).toEqual([]);
      expect(unbindable(plan, memory)).toEqual([]);
      expect(plannedBytes(memory) / liveSetBytes(graph)).toBeLessThanOrEqual(1.25);
    },
  );

  it("does not let an arena outgrow the adapter's largest buffer", () => {
    const plan = lower(tinyNetwork(16, 64));
    const largest = Math.max(...plan.storages.map((s) => s.bytes));
    const memory = planMemory(plan, largest);
    expect(Math.max(...memory.arenaBytes)).toBeLessThanOrEqual(largest);
    expect(collisions(plan, memory)).toEqual([]);
  });

  it("places every concat of a network without gaps, so no channel is copied", () => {
    const copies = lower(tinyNetwork(16, 64)).steps.filter((step) => step.isCopy);
    expect(copies).toEqual([]);
  });
});
