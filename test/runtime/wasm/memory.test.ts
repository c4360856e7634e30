/** A model's memory: ranges of a heap, weights that several graphs share, a workspace that grows, moves and is given back. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { openWasm } from "../../../src/node/wasm.js";
import { type Graph, GraphBuilder } from "../../../src/ops/index.js";
import { LinearMemory } from "../../../src/runtime/wasm/device/linearMemory.js";
import { createProgram } from "../../../src/runtime/wasm/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { seededRandom } from "../../../src/tensor/random.js";
import { plainConv } from "../../ops/randomGraph.js";
import { randomTensor } from "../../support/random.js";
import { loading, modelMemory } from "./support.js";

afterEach(() => vi.restoreAllMocks());

const WEIGHTS = [randomTensor([16, 16, 3, 3], 1, 0.1), randomTensor([16, 16, 1, 1], 2, 0.1)];

/** Two convolutions of the same weights whatever the size, then something else. */
function graphOf(size: number, then: "nothing" | "softmax" = "nothing"): Graph {
  const b = new GraphBuilder();
  let x = b.input("x", { shape: [1, 16, size, size], dtype: "float32" });
  for (const [i, weight] of WEIGHTS.entries()) {
    const padding = weight.shape[2] >> 1;
    const operands = [x, b.constant(`w${i}`, weight)];
    x = b.add("conv2d", `conv${i}`, operands, plainConv({ padding: [padding, padding] }));
  }
  const mean = b.add("globalAveragePool", "mean", [x], {});
  return b.finish([then === "softmax" ? b.add("softmax", "softmax", [mean], { axis: 1 }) : mean]);
}

const inputOf = (size: number): HostTensor[] => [randomTensor([1, 16, size, size], size)];

describe("a heap in one memory", () => {
  it("never hands out memory twice, and keeps used memory when it shrinks", () => {
    const heap = new LinearMemory(false);
    const random = seededRandom(7);
    const taken = new Map<number, { readonly bytes: number; readonly mark: number }>();
    const check = (): void => {
      const sorted = [...taken].sort(([a], [b]) => a - b);
      for (const [i, [address, { bytes, mark }]] of sorted.entries()) {
        expect(address % 64).toBe(0);
        expect(address).toBeGreaterThan(0);
        expect(address + bytes).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? heap.bytes);
        expect(heap.floats[address / 4]).toBe(mark);
        expect(heap.floats[address / 4 + bytes / 4 - 1]).toBe(mark);
      }
    };
    for (let turn = 0; turn < 300; turn++) {
      const [some] = taken.keys();
      if (random() < 0.4 && some !== undefined) {
        heap.give(some);
        taken.delete(some);
      } else {
        const bytes = 4 * Math.ceil(random() * 100_000);
        const address = heap.take(bytes);
        heap.floats.fill(turn, address / 4, (address + bytes) / 4);
        taken.set(address, { bytes, mark: turn });
      }
      if (turn % 50 === 49) heap.shrink();
      if (turn % 10 === 9) check();
    }
    const before = heap.bytes;
    for (const address of taken.keys()) heap.give(address);
    heap.shrink();
    expect(heap.bytes).toBeLessThan(before / 2);
  });

  it("refuses to free what was not allocated", () => {
    expect(() => new LinearMemory(false).give(64)).toThrow("no range was taken at 64");
  });
});

describe("weights of one model", () => {
  it("are packed once, and freed with the last plan that reads them", async () => {
    const model = modelMemory();
    const [small, large] = await Promise.all(
      [8, 24].map(async (size) => model.load(createProgram(graphOf(size), new Set(), 1), loading())),
    );
    const both = model.weightBytes;
    model.unload(large);
    expect(model.weightBytes).toBe(both);
    model.unload(small);
    expect(model.weightBytes).toBe(0);
    await model.load(createProgram(graphOf(24), new Set(), 1), loading());
    expect(model.weightBytes).toBe(both);
  });

  it("stay with their model if a plan fails to load", async () => {
    const model = modelMemory();
    await model.load(createProgram(graphOf(8), new Set(), 1), loading());
    const before = [model.weightBytes, model.sharedBytes];
    const check = (): void => {
      throw new Error("not wanted any more");
    };
    // A padding of its own: other weights, which are not there yet.
    const b = new GraphBuilder();
    const x = b.input("x", { shape: [1, 16, 9, 9], dtype: "float32" });
    const odd = b.add("conv2d", "odd", [x, b.constant("w", randomTensor([16, 16, 3, 3], 9))], plainConv({}));
    await expect(model.load(createProgram(b.finish([odd]), new Set(), 1), { ...loading(), check })).rejects.toThrow(
      "not wanted any more",
    );
    expect([model.weightBytes, model.sharedBytes]).toEqual(before);
  });

  it("are not shared with another model", async () => {
    const backend = await openWasm({ threads: 1 });
    const [a, b] = [{}, {}];
    const first = await backend.compile(graphOf(8), { model: a });
    const { sharedBytes } = first.memory();
    const second = await backend.compile(graphOf(8), { model: b });
    expect(first.memory().sharedBytes).toBe(sharedBytes);
    expect(second.memory().sharedBytes).toBe(sharedBytes);
    backend.dispose();
  });
});

describe.each([1, 2])("a workspace that all sizes share, %i threads", (threads) => {
  it("grows with the largest size, shrinks after it, and changes no result", async () => {
    const backend = await openWasm({ threads });
    const model = {};
    const small = await backend.compile(graphOf(16), { model });
    const wanted = await small.run(inputOf(16));
    const start = small.memory();
    // 142 MB of activations.
    const large = await backend.compile(graphOf(1024), { model });
    const wantedLarge = await large.run(inputOf(1024));
    expect(small.memory().sharedBytes).toBeGreaterThan(100e6);
    for (let i = 0; i < 40; i++) expect(await small.run(inputOf(16))).toEqual(wanted);
    expect(small.memory().sharedBytes).toBeLessThan(1.1 * start.sharedBytes);
    expect(small.memory().weightBytes).toBe(start.weightBytes);
    // Its tables are still there: it only takes its room again.
    expect(await large.run(inputOf(1024))).toEqual(wantedLarge);
    expect(await small.run(inputOf(16))).toEqual(wanted);
    backend.dispose();
  });

  it("serves overlapping calls of several sizes without interference", async () => {
    const backend = await openWasm({ threads });
    const sizes = [8, 24, 12, 40, 16];
    const alone: HostTensor[][] = [];
    for (const size of sizes) alone.push(await (await backend.compile(graphOf(size))).run(inputOf(size)));
    const model = {};
    const together = await Promise.all(
      sizes.map(async (size) => {
        const executable = await backend.compile(graphOf(size), { model });
        const results = await Promise.all([1, 2, 3].map(() => executable.run(inputOf(size))));
        return results;
      }),
    );
    for (const [i, results] of together.entries()) for (const result of results) expect(result).toEqual(alone[i]);
    backend.dispose();
  });
});

describe("kernels", () => {
  it("are compiled once for all sizes and models, and only new ones are added", async () => {
    const compile = vi.spyOn(WebAssembly, "compile");
    const backend = await openWasm({ threads: 1 });
    const model = {};
    await backend.compile(graphOf(16), { model });
    expect(compile).toHaveBeenCalledTimes(1);
    for (const size of [24, 32, 40]) await backend.compile(graphOf(size), { model });
    await backend.compile(graphOf(16));
    expect(compile).toHaveBeenCalledTimes(1);
    // A kernel more, in a module of its own.
    const more = await backend.compile(graphOf(24, "softmax"), { model });
    expect(compile).toHaveBeenCalledTimes(2);
    const sizes = compile.mock.calls.map(([bytes]) => (bytes as Uint8Array).byteLength);
    expect(sizes[1]).toBeLessThan(sizes[0] / 2);
    const [{ data }] = await more.run(inputOf(24));
    expect((data as Float32Array).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    backend.dispose();
  });
});
