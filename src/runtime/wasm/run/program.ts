/** A lowered graph: steps, and where its constants, activations and scratch memory lie within their rooms. */

import type { IntegerFormat } from "../../../kernels/wasm/index.js";
import type { Graph, ValueId } from "../../../ops/index.js";
import { lowerNode, planGraph } from "../lower/index.js";
import type { Dense } from "../lower/layout.js";
import { Lowering } from "../lower/lowering.js";
import type { Constant, InputPlace, Step } from "../lower/steps.js";
import { ALIGNMENT, placeArena, roundUp, type Storage } from "../lower/storages.js";

/** Vectors at the end of a dense value may reach beyond it. */
const OVERHANG = ALIGNMENT;

export interface Program {
  readonly graph: Graph;
  readonly steps: readonly Step[];
  readonly constants: readonly Constant[];
  readonly tables: Lowering["tables"];
  readonly inputs: readonly InputPlace[];
  readonly outputs: readonly Dense[];
  readonly lowering: Lowering;
  /** Values to be read after a run. */
  readonly kept: ReadonlySet<ValueId>;
  /** Of each thread, at the start of the workspace. */
  readonly scratchBytes: number;
  readonly threads: number;
  /** Scratch memory of all threads, then activations. */
  readonly workspaceBytes: number;
  readonly arenaBytes: number;
  /** Storages of activations that steps use. */
  readonly arena: readonly Storage[];
}

/**
 * Lowers a graph and gives its activations their places in the workspace.
 * @param keep values to keep readable after a run
 * @param guard bytes to leave free behind each storage of activations
 * @param int8 numbers that quantized convolutions are computed in; without it float32
 */
export function createProgram(
  graph: Graph,
  keep: ReadonlySet<ValueId>,
  threads: number,
  guard = 0,
  int8?: IntegerFormat,
): Program {
  const lowering = new Lowering(graph, { threads, keep, int8 });
  planGraph(lowering);
  graph.nodes.forEach((node, index) => {
    lowering.enter(index);
    lowerNode(lowering, node);
  });
  lowering.enter(-1);
  const outputs = graph.outputs.map((id) => lowering.dense(id));
  const inputs = graph.inputs.map((id) => lowering.inputPlace(id));
  const { steps, arena } = lowering;
  for (const { dense, padded } of inputs) {
    const storage = padded?.storage ?? dense?.storage;
    if (storage) {
      storage.first = -1;
      storage.last = Math.max(storage.last, 0);
    }
  }
  const untilEnd = (storage: Storage | undefined): void => {
    if (storage?.room === "workspace") storage.last = steps.length;
  };
  for (const { storage } of outputs) untilEnd(storage);
  for (const id of keep) {
    const { nhwc, dense } = lowering.peek(id);
    untilEnd(nhwc?.storage);
    untilEnd(dense?.storage);
  }
  const used = arena.filter((storage) => storage.last >= storage.first);
  const scratchBytes = roundUp(lowering.scratchBytes, ALIGNMENT);
  const arenaFrom = scratchBytes * threads;
  lowering.staging.address = arenaFrom;
  const end = placeArena(used, arenaFrom, guard);
  return {
    graph,
    steps,
    constants: [...lowering.constants, zeroPage(lowering)],
    tables: lowering.tables,
    inputs,
    outputs,
    lowering,
    kept: keep,
    scratchBytes,
    threads,
    workspaceBytes: end + OVERHANG,
    arenaBytes: end - arenaFrom,
    arena: used,
  };
}

/** Its sizes are few, so that plans share them. */
export function zeroPage({ zeros, zeroFloats }: Lowering): Constant {
  const floats = 2 ** Math.ceil(Math.log2(zeroFloats));
  const storage: Storage = Object.assign(zeros, { bytes: floats * 4 });
  return { storage, key: `${floats} zeros`, sources: [], making: { fill: (target) => target.fill(0) } };
}
