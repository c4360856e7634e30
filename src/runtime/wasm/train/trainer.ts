/** Trains on WASM: one step is compiled once, for one input shape, and replayed; weights are changed in place by the caller. */

import { DisposedError } from "../../../errors.js";
import type { Target } from "../../../kernels/wasm/index.js";
import {
  copyConstants,
  type TrainingGraph,
  type Turned,
  turnTransposed,
  withinBudget,
} from "../../../ops/gradients/index.js";
import { elementCount } from "../../../tensor/index.js";
import { parametersOf, type Trainer, type TrainingOptions } from "../../trainer.js";
import { openMachine, type WasmBackendOptions } from "../backend.js";
import { KernelLibrary } from "../device/kernelLibrary.js";
import { LinearMemory } from "../device/linearMemory.js";
import type { Machine, StepsAt } from "../device/machine.js";
import type { Dense } from "../lower/layout.js";
import type { Constant } from "../lower/steps.js";
import { countersOf, imageOf } from "../run/planImage.js";
import { createTrainingProgram, type TrainingProgram } from "./program.js";

/**
 * Compiles a training step. The graph's weights are copied; `parameters` of the result are those copies.
 * @throws DeviceError where the host lacks WebAssembly; UnsupportedError for weights that are computed; LimitError beyond
 *   `options.bytes`.
 */
export async function createWasmTrainer(
  given: TrainingGraph,
  options: WasmBackendOptions & TrainingOptions = {},
): Promise<Trainer> {
  const own = copyConstants(options.bytes === undefined ? given : withinBudget(given, options.bytes));
  const { graph, turned } = turnTransposed(own);
  const opened = await openMachine(options);
  try {
    const program = createTrainingProgram(graph, opened.threads, options.extra);
    return await WasmTrainer.load(own, turned, program, opened);
  } catch (error) {
    opened.dispose();
    throw error;
  }
}

type Opened = Awaited<ReturnType<typeof openMachine>>;

class WasmTrainer implements Trainer {
  private disposed = false;

  private constructor(
    readonly parameters: Trainer["parameters"],
    private readonly turned: readonly Turned[],
    private readonly changing: readonly Constant[],
    private readonly program: TrainingProgram,
    private readonly memory: LinearMemory,
    private readonly machine: Machine,
    private readonly at: StepsAt,
    private readonly workspace: number,
    private readonly opened: Opened,
  ) {}

  static async load(
    graph: TrainingGraph,
    turned: readonly Turned[],
    program: TrainingProgram,
    opened: Opened,
  ): Promise<WasmTrainer> {
    const memory = new LinearMemory(opened.target.shared);
    for (const { storage } of program.constants) storage.address = memory.take(storage.bytes);
    const library = new KernelLibrary(opened.target satisfies Target);
    library.add(program.steps.map(({ kernel }) => kernel));
    const workspace = memory.take(program.workspaceBytes);
    const image = imageOf(program, library.slotOf);
    const header = memory.take(image.words.byteLength);
    const words = new Int32Array(memory.memory.buffer, header, image.words.length);
    words.set(image.words);
    for (const at of image.own) words[at] += header;
    for (const at of image.workspace) words[at] += workspace;
    const machine = opened.open(memory);
    await machine.load(library.batches);
    const parameters = parametersOf(graph);
    const trained = new Set<object>(graph.parameters.map(({ value }) => graph.constants.get(value) as object));
    for (const { of, tensor: made } of turned) if (trained.has(of)) trained.add(made);
    const changing = program.constants.filter(({ sources }) => sources.some((source) => trained.has(source)));
    const at = { header, counters: header + countersOf(image.steps) };
    const own = new WasmTrainer(parameters, turned, changing, program, memory, machine, at, workspace, opened);
    for (const { storage } of program.constants) own.view(storage.address, storage.bytes).fill(0);
    own.fill(program.constants);
    await machine.run(at, 0, program.forward);
    return own;
  }

  get bytes(): number {
    return this.memory.bytes;
  }

  async forward(inputs: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    this.check();
    const { program } = this;
    for (const [i, place] of program.inputs.entries()) this.dense(place).set(inputs[i]);
    await this.machine.run(this.at, program.forward, program.backward);
    return program.results.map((place) => this.dense(place));
  }

  async backward(seeds: readonly Float32Array[]): Promise<readonly Float32Array[]> {
    this.check();
    const { program } = this;
    for (const [i, place] of program.seeds.entries()) this.dense(place).set(seeds[i]);
    await this.machine.run(this.at, program.backward, program.steps.length);
    return program.gradients.map((place) => this.dense(place));
  }

  async update(): Promise<void> {
    this.check();
    for (const { refresh } of this.turned) refresh();
    this.fill(this.changing);
    await this.machine.run(this.at, 0, this.program.forward);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.machine.dispose();
    this.opened.dispose();
  }

  private check(): void {
    if (this.disposed) throw new DisposedError("the trainer");
  }

  private fill(constants: readonly Constant[]): void {
    for (const { storage, making } of constants) making.fill?.(this.view(storage.address, storage.bytes));
  }

  private dense({ storage, offset, shape }: Dense): Float32Array {
    return this.view(this.workspace + storage.address + offset, elementCount(shape) * 4);
  }

  private view(address: number, bytes: number): Float32Array {
    return this.memory.floats.subarray(address / 4, (address + bytes) / 4);
  }
}
