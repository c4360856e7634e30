/** A forward pass that takes long comes in pieces: the event loop has its turn in between, and the end is heard there. */

import { describe, expect, it } from "vitest";
import { DisposedError } from "../../../src/errors.js";
import { GraphBuilder, opOf } from "../../../src/ops/index.js";
import { createProgram } from "../../../src/runtime/wasm/index.js";
import { WasmExecutable } from "../../../src/runtime/wasm/run/executable.js";
import { Pace } from "../../../src/runtime/wasm/run/pace.js";
import { plainConv } from "../../ops/randomGraph.js";
import { randomTensor } from "../../support/random.js";
import { loading, modelMemory } from "./support.js";

const LAYERS = 8;

/** Convolutions of 1.2 GFLOP each. */
function heavyProgram() {
  const builder = new GraphBuilder();
  let x = builder.input("x", { shape: [1, 64, 128, 128], dtype: "float32" });
  const weight = randomTensor([64, 64, 3, 3], 1);
  for (let i = 0; i < LAYERS; i++) {
    const operands = [x, builder.constant(`w${i}`, weight)];
    x = builder.add("conv2d", `conv${i}`, operands, plainConv({ padding: [1, 1] }));
  }
  return createProgram(builder.finish([x]), new Set(), 1);
}

const PROGRAM = heavyProgram();
const INPUT = randomTensor([1, 64, 128, 128], 2);

/** An executable whose steps do nothing but tell `onPiece`. */
async function executableOf(
  onPiece: (first: number, end: number, executable: WasmExecutable) => void,
): Promise<WasmExecutable> {
  let made: WasmExecutable | undefined;
  const model = modelMemory(() => ({
    load: () => Promise.resolve(),
    run: async (_, first, end) => {
      if (made) onPiece(first, end, made);
    },
    left: () => Promise.resolve(),
    dispose: () => undefined,
  }));
  const plan = await model.load(PROGRAM, loading());
  model.use();
  made = new WasmExecutable(PROGRAM, plan, model, PROGRAM.graph, {
    compileKeeping: () => Promise.reject(new Error("no taps here")),
    lower: () => PROGRAM,
    onDispose: () => undefined,
  });
  return made;
}

describe("a forward pass in pieces", () => {
  it("runs every step once, in order", async () => {
    const pieces: (readonly [number, number])[] = [];
    const executable = await executableOf((first, end) => pieces.push([first, end]));
    await executable.run([INPUT]);
    expect(pieces[0][0]).toBe(0);
    expect(pieces.at(-1)?.[1]).toBe(PROGRAM.steps.length);
    for (const [i, [first]] of pieces.slice(1).entries()) expect(first).toBe(pieces[i][1]);
  });

  it("has one piece per layer while the machine's speed is unknown", () => {
    const pace = new Pace(PROGRAM);
    const [node] = PROGRAM.graph.nodes;
    const shapes = (ids: readonly number[]) => ids.map((id) => PROGRAM.graph.values[id]);
    expect(opOf(node).flops(shapes(node.inputs), shapes(node.outputs), node.attrs)).toBeGreaterThan(2 ** 30);
    for (let first = 0; first < PROGRAM.steps.length; first = pace.end(first)) {
      const nodes = new Set(PROGRAM.steps.slice(first, pace.end(first)).map(({ node: index }) => index));
      nodes.delete(-1);
      expect(nodes.size).toBeLessThanOrEqual(2);
    }
  });

  it("has larger pieces on a fast machine and smaller ones on a slow machine", () => {
    const fast = new Pace(PROGRAM);
    for (let i = 0; i < 10; i++) fast.took(0, PROGRAM.steps.length, 1);
    expect(fast.end(0)).toBe(PROGRAM.steps.length);
    const slow = new Pace(PROGRAM);
    slow.took(0, PROGRAM.steps.length, 1e6);
    expect(slow.end(0)).toBe(1);
  });

  it("does not make endless pieces after one quick piece", () => {
    const pace = new Pace(PROGRAM);
    const before = pace.end(0);
    pace.took(0, PROGRAM.steps.length, 1e-3);
    expect(pace.end(0)).toBeLessThanOrEqual(2 * before + 2);
  });

  it("divides a step that takes long into tiles, each of which is in one piece", () => {
    const pace = new Pace(PROGRAM);
    const step = PROGRAM.steps.findIndex(({ tiles }) => tiles > 1);
    const { tiles } = PROGRAM.steps[step];
    pace.took(0, PROGRAM.steps.length, 1e6);
    let pieces = 0;
    for (let from = 0; from < tiles; pieces++) {
      const part = pace.part(step, step + 1, from);
      expect(part).toMatchObject({ from, tiles });
      from = part?.to ?? Number.NaN;
    }
    expect(pieces).toBeGreaterThan(1);
    expect(pieces).toBeLessThanOrEqual(tiles);
    // Several steps, and those that take little, are not divided.
    expect(pace.part(0, 2, 0)).toBeUndefined();
    for (let i = 0; i < 40; i++) pace.took(0, PROGRAM.steps.length, 1);
    expect(pace.part(step, step + 1, 0)).toBeUndefined();
  });

  it("ends after the piece in which the executable was disposed of", async () => {
    let count = 0;
    const executable = await executableOf((_, end, self) => {
      count++;
      if (end < PROGRAM.steps.length) self.dispose();
    });
    await expect(executable.run([INPUT])).rejects.toThrow(DisposedError);
    expect(count).toBe(1);
  });
});
