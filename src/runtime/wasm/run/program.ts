/** A lowered graph in linear memory: addresses, module, constants and step tables, ready to run. */

import type { Pieces } from "../../../breathe.js";
import { invariant, LimitError, UnsupportedError } from "../../../errors.js";
import {
  buildModule,
  COUNTER_BYTES,
  HEADER,
  HEADER_BYTES,
  type Kernel,
  type KernelModule,
  MAXIMUM_PAGES,
  STEP_BYTES,
  type Target,
} from "../../../kernels/wasm/index.js";
import type { Graph, ValueId } from "../../../ops/index.js";
import { ALIGNMENT, type Block, placeArena, roundUp } from "../lower/blocks.js";
import { lowerNode } from "../lower/index.js";
import type { Dense } from "../lower/layout.js";
import { Lowering } from "../lower/lowering.js";
import type { Argument, InputPlace, Step } from "../lower/steps.js";

const PAGE = 65536;

export interface Program {
  readonly graph: Graph;
  /** What a run does, then the steps that prepare constants when the program is loaded. */
  readonly steps: readonly Step[];
  readonly preparations: readonly Step[];
  readonly inputs: readonly InputPlace[];
  readonly outputs: readonly Dense[];
  readonly lowering: Lowering;
  /** Kept values, to be read after a run. */
  readonly kept: ReadonlySet<ValueId>;
  readonly addresses: {
    readonly steps: number;
    readonly counters: number;
    readonly args: readonly number[];
    readonly scratch: number;
    readonly scratchBytes: number;
  };
  readonly bytes: number;
  readonly weightBytes: number;
  readonly arenaBytes: number;
  /** Blocks of activations that steps use. */
  readonly arena: readonly Block[];
}

/**
 * Lowers a graph and gives everything an address.
 * @param keep values to keep readable after a run
 * @param guard bytes to leave free behind each block of activations
 * @param int8 whether quantized convolutions are computed in integers
 * @throws LimitError beyond 4 GiB.
 */
export function createProgram(
  graph: Graph,
  keep: ReadonlySet<ValueId>,
  threads: number,
  guard = 0,
  int8 = false,
): Program {
  const lowering = new Lowering(graph, { threads, keep, int8 });
  graph.nodes.forEach((node, index) => {
    lowering.enter(index);
    lowerNode(lowering, node);
  });
  lowering.enter(-1);
  const outputs = graph.outputs.map((id) => lowering.dense(id));
  const inputs = graph.inputs.map((id) => lowering.inputPlace(id));
  const { steps, arena, constants } = lowering;
  for (const { dense, padded } of inputs) {
    const block = padded?.block ?? dense?.block;
    if (block) {
      block.first = -1;
      block.last = Math.max(block.last, 0);
    }
  }
  const untilEnd = (block: Block | undefined): void => {
    if (block && !block.fill) block.last = steps.length;
  };
  for (const { block } of outputs) untilEnd(block);
  for (const id of keep) {
    const { nhwc, dense } = lowering.peek(id);
    untilEnd(nhwc?.block);
    untilEnd(dense?.block);
  }

  let end = HEADER_BYTES;
  const take = (bytes: number): number => {
    const address = roundUp(end, ALIGNMENT);
    end = address + bytes;
    return address;
  };
  const preparations = lowering.preparations.map(({ step }) => step);
  const all = [...steps, ...preparations];
  const stepTable = take(all.length * STEP_BYTES);
  const counters = take(all.length * COUNTER_BYTES);
  const args = all.map(({ kernel }) => take(kernel.fields.length * 4));
  const scratchBytes = roundUp(lowering.scratchBytes, ALIGNMENT);
  const scratch = take(scratchBytes * threads);
  lowering.zeros.address = take(lowering.zeroFloats * 4);
  const weightsFrom = roundUp(end, ALIGNMENT);
  for (const block of constants) block.address = take(block.bytes);
  const weightBytes = end - weightsFrom;
  const used = arena.filter((block) => block.last >= block.first);
  const arenaFrom = roundUp(end, ALIGNMENT);
  lowering.staging.address = arenaFrom;
  const staged = lowering.preparations.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  end = Math.max(placeArena(used, arenaFrom, guard), arenaFrom + staged);
  // Vectors at the end of a dense value may reach beyond it.
  const bytes = roundUp(end + ALIGNMENT, PAGE);
  if (bytes > MAXIMUM_PAGES * PAGE) {
    const gib = (bytes / 2 ** 30).toFixed(1);
    throw new LimitError(
      `wasm: the model needs ${gib} GiB, WebAssembly memory ends at 4 GiB; use a smaller imgsz, batch or model, or --backend webgpu`,
      { bytes },
    );
  }
  return {
    graph,
    steps,
    preparations,
    inputs,
    outputs,
    lowering,
    kept: keep,
    addresses: { steps: stepTable, counters, args, scratch, scratchBytes },
    bytes,
    weightBytes,
    arenaBytes: end - arenaFrom,
    arena: used,
  };
}

export interface CompiledModule {
  /** Compiles in the background. */
  readonly module: Promise<WebAssembly.Module>;
  readonly slots: KernelModule["slots"];
}

/** Modules by their kernels and target: graphs of one model at several sizes share one. */
export class ModuleCache {
  private readonly modules = new Map<string, CompiledModule>();

  get(target: Target, { steps, preparations }: Pick<Program, "steps" | "preparations">): CompiledModule {
    const kernels = new Map<string, Kernel>([...steps, ...preparations].map(({ kernel }) => [kernel.name, kernel]));
    const names = [...kernels.keys()].sort();
    const key = [target.simd, target.relaxed, target.shared, ...names].join("\n");
    let entry = this.modules.get(key);
    if (!entry) {
      const { bytes, slots } = buildModule(
        target,
        names.map((name) => kernels.get(name)).filter((k) => k !== undefined),
      );
      const module = WebAssembly.compile(bytes);
      module.catch(() => this.modules.delete(key));
      entry = { module, slots };
      this.modules.set(key, entry);
    }
    return entry;
  }

  clear(): void {
    this.modules.clear();
  }
}

export function createMemory(program: Program, shared: boolean): WebAssembly.Memory {
  const pages = program.bytes / PAGE;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    const mib = Math.ceil(program.bytes / 2 ** 20);
    throw new UnsupportedError(
      `wasm: the host gave no ${mib} MiB of memory for the model; use a smaller imgsz, batch or model`,
      { bytes: program.bytes, cause },
    );
  }
}

function word(value: Argument, ints: Int32Array, floats: Float32Array, at: number): void {
  if (typeof value === "number") ints[at] = value;
  else if ("float" in value) floats[at] = value.float;
  else ints[at] = value.block.address + value.offset;
}

/** Writes header, step table, arguments and the constants that the host makes; these are the pieces. */
export function* writeProgram(
  program: Program,
  memory: WebAssembly.Memory,
  slots: ReadonlyMap<string, number>,
): Pieces<void> {
  const { addresses, lowering } = program;
  const steps = [...program.steps, ...program.preparations];
  const ints = new Int32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  ints[HEADER.steps / 4] = addresses.steps;
  ints[HEADER.counters / 4] = addresses.counters;
  ints[HEADER.scratch / 4] = addresses.scratch;
  ints[HEADER.scratchBytes / 4] = addresses.scratchBytes;
  steps.forEach(({ kernel, args, tiles }, index) => {
    const entry = (addresses.steps + index * STEP_BYTES) / 4;
    const slot = slots.get(kernel.name);
    invariant(slot !== undefined, `kernel ${kernel.name} is not in the module`);
    ints[entry] = slot;
    ints[entry + 1] = addresses.args[index];
    ints[entry + 2] = tiles;
    kernel.fields.forEach((field, i) => {
      word(args[field], ints, floats, addresses.args[index] / 4 + i);
    });
  });
  for (const { fill, address, bytes } of lowering.constants) {
    fill?.(floats.subarray(address / 4, (address + bytes) / 4));
    yield;
  }
}

/** Makes the constants that kernels make; `run` runs a range of steps, and waits where others should have a turn. */
export async function prepareProgram(
  program: Program,
  memory: WebAssembly.Memory,
  run: (first: number, last: number) => Promise<void>,
): Promise<void> {
  const floats = new Float32Array(memory.buffer);
  const { staging, preparations } = program.lowering;
  for (const [index, { bytes, stage }] of preparations.entries()) {
    stage(floats.subarray(staging.address / 4, (staging.address + bytes) / 4));
    const step = program.steps.length + index;
    await run(step, step + 1);
  }
}
