/** A lowered training step: packing of weights, forward, backward, each a run of steps. */

import { asGraph, isGradientNode, type TrainingGraph } from "../../../ops/gradients/index.js";
import type { ValueId } from "../../../ops/index.js";
import { lowerNode } from "../lower/index.js";
import type { Dense } from "../lower/layout.js";
import { Lowering } from "../lower/lowering.js";
import type { Constant, Step } from "../lower/steps.js";
import { type Address, ALIGNMENT, placeArena, roundUp } from "../lower/storages.js";
import { zeroPage } from "../run/program.js";
import { lowerGradient } from "./lower.js";

/** Vectors at the end of a value may reach beyond it. */
const OVERHANG = 2 * ALIGNMENT;

/** Weights change between runs: what kernels make of them is made by steps, whenever they have changed. */
class TrainingLowering extends Lowering {
  readonly packing: Step[] = [];

  override prepared(
    key: string,
    sources: readonly object[],
    floats: number,
    stagedFloats: number,
    stage: (target: Float32Array) => void,
    step: (staged: Address, out: Address) => Omit<Step, "node">,
  ): Address {
    const staged = this.constant(`staged ${key}`, sources, stagedFloats, stage);
    const out = this.constant(key, [], floats, () => undefined);
    this.packing.push({ ...step(staged, out), node: -1 });
    return out;
  }
}

export interface TrainingProgram {
  readonly steps: readonly Step[];
  /** Index of the first step of the forward pass, and of the backward pass. */
  readonly forward: number;
  readonly backward: number;
  readonly constants: readonly Constant[];
  readonly tables: Lowering["tables"];
  readonly inputs: readonly Dense[];
  readonly seeds: readonly Dense[];
  readonly results: readonly Dense[];
  readonly gradients: readonly Dense[];
  readonly scratchBytes: number;
  readonly workspaceBytes: number;
}

export function createTrainingProgram(
  graph: TrainingGraph,
  threads: number,
  extra: readonly { readonly gradient: ValueId }[] = [],
): TrainingProgram {
  const lowering = new TrainingLowering(asGraph(graph), { threads, keep: new Set(), int8: undefined });
  const lower = (first: number, end: number): void => {
    for (let index = first; index < end; index++) {
      lowering.enter(index);
      const node = graph.nodes[index];
      if (isGradientNode(node)) lowerGradient(lowering, node);
      else lowerNode(lowering, node);
    }
  };
  const dense = (ids: readonly ValueId[]): Dense[] => ids.map((id) => lowering.dense(id));
  // Pictures and seeds are written dense; whoever reads them otherwise converts them.
  const given = dense(graph.inputs);
  lower(0, graph.forward);
  const results = dense(graph.results);
  const forwardSteps = lowering.steps.length;
  lower(graph.forward, graph.nodes.length);
  const gradients = dense([...graph.parameters, ...extra].map(({ gradient }) => gradient));
  const { steps, packing, arena } = lowering;
  const reach = ({ storage }: Dense, first: number, last: number): void => {
    storage.first = Math.min(storage.first, first);
    storage.last = Math.max(storage.last, last);
  };
  const pictures = graph.inputs.length - graph.seeds.length;
  for (const input of given.slice(0, pictures)) reach(input, -1, 0);
  // Seeds are written, and results read, between the passes.
  for (const seed of given.slice(pictures)) reach(seed, forwardSteps - 1, forwardSteps);
  for (const result of results) reach(result, forwardSteps - 1, forwardSteps);
  for (const gradient of gradients) reach(gradient, steps.length, steps.length);
  const used = arena.filter((storage) => storage.last >= storage.first);
  const scratchBytes = roundUp(lowering.scratchBytes, ALIGNMENT);
  const end = placeArena(used, scratchBytes * threads);
  return {
    steps: [...packing, ...steps],
    forward: packing.length,
    backward: packing.length + forwardSteps,
    constants: [...lowering.constants, zeroPage(lowering)],
    tables: lowering.tables,
    inputs: given.slice(0, pictures),
    seeds: given.slice(pictures),
    results,
    gradients,
    scratchBytes,
    workspaceBytes: end + OVERHANG,
  };
}
