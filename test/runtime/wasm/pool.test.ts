/** What a pool's threads receive, and that one that fails is reported, not waited for. */

import { afterEach, describe, expect, it } from "vitest";
import { COUNTER_BYTES, HEADER } from "../../../src/kernels/wasm/index.js";
import { spawn } from "../../../src/node/wasm.js";
import { GraphBuilder } from "../../../src/ops/index.js";
import type { LinearMemory } from "../../../src/runtime/wasm/device/linearMemory.js";
import { ThreadPool } from "../../../src/runtime/wasm/device/pool.js";
import { type FromWorker, type SpawnWorker, WORKER_SOURCE } from "../../../src/runtime/wasm/device/worker.js";
import { createProgram, KernelLibrary } from "../../../src/runtime/wasm/index.js";
import { type LoadedPlan, ModelMemory } from "../../../src/runtime/wasm/run/modelMemory.js";
import type { Program } from "../../../src/runtime/wasm/run/program.js";
import { plainConv } from "../../ops/randomGraph.js";
import { randomTensor } from "../../support/random.js";
import { loading, modelMemory } from "./support.js";

type ToWorker = Parameters<ReturnType<SpawnWorker>["post"]>[0];
type Run = Extract<ToWorker, { type: "run" }>;

let pool: ThreadPool | undefined;
afterEach(() => pool?.dispose());

/** A thread that answers but never helps, unless `onRun` does; it is told of a run before the calling thread begins it. */
const idle =
  (
    onRun: (run: Run, post: (message: FromWorker) => void) => void,
    onLoad = (_: WebAssembly.Memory) => {},
  ): SpawnWorker =>
  ({ onMessage }) => ({
    post(message) {
      if (message.type === "hello") queueMicrotask(() => onMessage({ type: "ready" }));
      else if (message.type === "leave") queueMicrotask(() => onMessage({ type: "left", token: message.token }));
      else if (message.type === "load") onLoad(message.memory);
      else if (message.type === "run") onRun(message, onMessage);
    },
    terminate() {},
  });

/** A model's memory whose steps are run by this thread and another one. */
function modelOf(spawn: SpawnWorker) {
  pool = new ThreadPool(spawn, 2, true);
  const made = pool;
  let memory: LinearMemory | undefined;
  const library = new KernelLibrary({ simd: true, relaxed: false, shared: true });
  const open = (opened: LinearMemory) => {
    memory = opened;
    return made.open(opened);
  };
  return {
    model: new ModelMemory(true, library, open, () => undefined),
    bytes: () => memory?.bytes ?? 0,
    of: () => memory,
  };
}

function programOf(size: number) {
  const b = new GraphBuilder();
  const x = b.input("x", { shape: [1, 16, size, size], dtype: "float32" });
  const weight = b.constant("w", randomTensor([16, 16, 3, 3], 1, 0.1));
  const graph = b.finish([b.add("conv2d", "conv", [x, weight], plainConv({ padding: [1, 1] }))]);
  return createProgram(graph, new Set(), 2);
}

async function runOf(model: ModelMemory, size: number): Promise<LoadedPlan> {
  const program = programOf(size);
  const plan = await model.load(program, loading());
  await model.place(plan);
  await model.run(plan, 0, program.steps.length);
  return plan;
}

/** Runs all steps, one by one and tile by tile. */
async function runInParts(model: ModelMemory, plan: LoadedPlan, program: Program): Promise<void> {
  for (const [step, { tiles }] of program.steps.entries()) {
    for (let from = 0; from < tiles; from++) {
      await model.run(plan, step, step + 1, [{ step, from, to: from + 1, tiles }]);
    }
  }
}

describe("steps that are skipped", () => {
  const machines = {
    "one thread": () => modelMemory(),
    "two threads, one of which never helps": () => modelOf(idle(() => undefined)).model,
    "two threads": () => modelOf(spawn).model,
  };
  it.each(Object.entries(machines))("do nothing, and run again when they are not, on %s", async (_, open) => {
    const model = open();
    const program = programOf(64);
    const { steps } = program;
    const plan = await model.load(program, loading());
    // Behind the scratch memory of the threads, of which each run uses what it happens to.
    const values = ((await model.place(plan)) + program.scratchBytes * program.threads) / 4;
    const floats = model.floats.subarray(values, values + program.arenaBytes / 4);
    const given = randomTensor([floats.length], 3).data as Float32Array;
    const leftBy = async (run: () => Promise<void>): Promise<Buffer> => {
      floats.set(given);
      await run();
      return Buffer.from(floats.slice().buffer);
    };
    const whole = await leftBy(() => model.run(plan, 0, steps.length));
    const none = steps.map(({ tiles }, step) => ({ step, from: 0, to: 0, tiles }));
    const untouched = await leftBy(async () => undefined);
    const first = await leftBy(() => model.run(plan, 0, 1));
    expect([whole.equals(untouched), first.equals(untouched), first.equals(whole)]).toEqual([false, false, false]);
    // A thread that is late for one run must not do what the next one skips, or the other way round.
    for (let round = 0; round < 200; round++) {
      const nothing = await leftBy(() => model.run(plan, 0, steps.length, none));
      const one = await leftBy(() => model.run(plan, 0, steps.length, none.slice(1)));
      const all = await leftBy(() => model.run(plan, 0, steps.length));
      expect([nothing.equals(untouched), one.equals(first), all.equals(whole)]).toEqual([true, true, true]);
    }
  });
});

describe("a step in parts", () => {
  it.each(["one thread", "two threads, one of which never helps"])("does the same, on %s", async (machine) => {
    const model = machine === "one thread" ? modelMemory() : modelOf(idle(() => undefined)).model;
    const program = programOf(64);
    expect(Math.max(...program.steps.map(({ tiles }) => tiles))).toBeGreaterThan(2);
    const plan = await model.load(program, loading());
    const workspace = (await model.place(plan)) / 4;
    const floats = model.floats.subarray(workspace, workspace + plan.workspaceBytes / 4);
    const given = randomTensor([floats.length], 3).data as Float32Array;
    const results: Float32Array[] = [];
    for (const run of [
      () => model.run(plan, 0, program.steps.length),
      () => runInParts(model, plan, program),
      // As before: the parts have left nothing behind.
      () => model.run(plan, 0, program.steps.length),
    ]) {
      floats.set(given);
      await run();
      results.push(floats.slice());
    }
    expect(results[0]).not.toEqual(given);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe("threads of a pool", () => {
  it("get the memory again before the next run if it has grown", async () => {
    let told = 0;
    const runs: { readonly told: number; readonly bytes: number }[] = [];
    const { model, bytes } = modelOf(
      idle(
        () => runs.push({ told, bytes: bytes() }),
        ({ buffer }) => {
          told = buffer.byteLength;
        },
      ),
    );
    await runOf(model, 16);
    const before = bytes();
    await runOf(model, 512);
    expect(bytes()).toBeGreaterThan(before);
    expect(runs.length).toBeGreaterThan(1);
    for (const run of runs) expect(run.told).toBe(run.bytes);
  });

  it("that fail within a tile are reported, and the next run works", async () => {
    let failing = false;
    const { model, of } = modelOf(
      idle(({ id, header, generation, first, failed }, post) => {
        if (!failing) return;
        const { buffer } = (of() as LinearMemory).memory;
        // Takes the first tile of the first step, and traps.
        const counter = new Int32Array(buffer)[(header + HEADER.counters) / 4] + first * COUNTER_BYTES;
        Atomics.add(new BigInt64Array(buffer), counter / 8, 1n);
        Atomics.store(new Int32Array(buffer), failed / 4, generation);
        setTimeout(() => post({ type: "failed", id, generation, message: "RuntimeError: unreachable" }), 5);
      }),
    );
    const plan = await runOf(model, 16);
    failing = true;
    await expect(model.run(plan, 0, 1)).rejects.toThrow("wasm: a worker thread failed: RuntimeError: unreachable");
    failing = false;
    await model.run(plan, 0, 1);
  });

  it("record a failed run in shared memory, where waiting threads see it", () => {
    // (module (import "env" "memory" (memory 1 1 shared)) (import "env" "table" (table 0 funcref))
    //   (func (export "work") (param i32 i32 i32 i32 i32) (result i32) unreachable))
    const bytes = new Uint8Array([
      ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 1, 96, 5, 127, 127, 127, 127, 127, 1, 127],
      ...[2, 30, 2, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 1],
      ...[3, 101, 110, 118, 5, 116, 97, 98, 108, 101, 1, 112, 0, 0],
      ...[3, 2, 1, 0, 7, 8, 1, 4, 119, 111, 114, 107, 0, 0, 10, 5, 1, 3, 0, 0, 11],
    ]);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const answers: FromWorker[] = [];
    const handle = new Function(`${WORKER_SOURCE}; return handle;`)() as (
      message: ToWorker,
      post: (answer: FromWorker) => void,
    ) => void;
    const post = (answer: FromWorker) => answers.push(answer);
    handle({ type: "load", id: 1, module: new WebAssembly.Module(bytes), memory, slots: 0 }, post);
    handle({ type: "run", id: 1, header: 0, thread: 1, generation: 7, first: 0, last: 1, failed: 256 }, post);
    expect(new Int32Array(memory.buffer)[64]).toBe(7);
    expect(answers).toEqual([{ type: "failed", id: 1, generation: 7, message: "RuntimeError: unreachable" }]);
  });
});
