/** Many input shapes of one network: its weights are on the device once, memory stays flat, and every shape gets its own numbers. */

import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../src/node/wasm.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { createGpujsBackend } from "../../src/runtime/gpujs/index.js";
import { type InputShape, Network, type NetworkMemory } from "../../src/yolov5/network.js";
import { randomTensor } from "../support/random.js";
import { openBackend, webgpuOrSkip } from "../support/webgpu.js";
import { fixturePath, openFile } from "./trees.js";

const MODULE = openFile(fixturePath("v6.pt")).module;
const gpu = await webgpuOrSkip();

/** As a folder of pictures has them: one side of 160, the other a multiple of 32; the first is the largest. */
const SIDES = [160, 128, 64, 32];
const SHAPES = [
  ...SIDES.map((w): InputShape => [1, 3, 160, w]),
  ...SIDES.slice(1).map((h): InputShape => [1, 3, h, 160]),
];

const inputOf = (shape: InputShape) => randomTensor(shape, shape[2] + shape[3]);

interface Case {
  readonly name: string;
  readonly open: () => Promise<Backend>;
  readonly shapes: readonly InputShape[];
}

const CASES: readonly Case[] = [
  { name: "wasm, 1 thread", open: () => openWasm({ threads: 1 }), shapes: SHAPES },
  { name: "wasm, 2 threads", open: () => openWasm({ threads: 2 }), shapes: SHAPES },
  { name: "cpu", open: async () => createCpuBackend(), shapes: SHAPES.slice(3, 5) },
  {
    name: "gpujs",
    open: () => createGpujsBackend({ importModule: () => import("gpu.js"), mode: "cpu" }),
    shapes: SHAPES.slice(2, 5),
  },
  ...(gpu ? [{ name: "webgpu", open: () => openBackend(gpu), shapes: SHAPES.slice(0, 5) }] : []),
];

describe.each(CASES)("many input shapes on $name", ({ open, shapes }) => {
  const opened: Backend[] = [];
  afterAll(() => {
    for (const backend of opened) backend.dispose();
  });

  /** Runs every shape in turn, and looks at the memory after each. */
  async function through(network: Network): Promise<{ memories: NetworkMemory[]; outputs: unknown[] }> {
    const memories: NetworkMemory[] = [];
    const outputs: unknown[] = [];
    for (const shape of shapes) {
      outputs.push(await network.forward(inputOf(shape)));
      memories.push(await network.memory(shape));
    }
    return { memories, outputs };
  }

  it("share weights, and each shape adds only its own memory", async () => {
    const backend = await open();
    opened.push(backend);
    const network = new Network(MODULE, backend);
    const { memories, outputs } = await through(network);
    const [first] = memories;
    let own = 0;
    for (const [i, memory] of memories.entries()) {
      own += memory.shapeBytes;
      expect(memory.weightBytes).toBe(first.weightBytes);
      expect(memory.sharedBytes).toBe(first.sharedBytes);
      expect(memory.shapes).toBe(i + 1);
      expect(memory.totalBytes).toBe(first.sharedBytes + own);
    }
    expect(first.sharedBytes).toBeGreaterThanOrEqual(first.weightBytes);
    // Each gives what it gives alone.
    for (const [i, shape] of shapes.entries()) {
      const alone = await open();
      expect(await new Network(MODULE, alone).forward(inputOf(shape))).toEqual(outputs[i]);
      alone.dispose();
    }
  });

  it("evict those not used recently, so the total stays within the budget", async () => {
    const backend = await open();
    opened.push(backend);
    const free = new Network(MODULE, backend);
    const unbounded = await through(free);
    free.dispose();
    const shapeBudget = 2.5 * Math.max(...unbounded.memories.map(({ shapeBytes }) => shapeBytes));
    const network = new Network(MODULE, backend, { shapeBudget });
    for (let round = 0; round < 3; round++) {
      const { memories, outputs } = await through(network);
      for (const { totalBytes, sharedBytes } of memories)
        expect(totalBytes - sharedBytes).toBeLessThanOrEqual(shapeBudget);
      for (const { sharedBytes } of memories) expect(sharedBytes).toBe(unbounded.memories[0].sharedBytes);
      expect(outputs).toEqual(unbounded.outputs);
    }
    network.dispose();
  });
});
