/** A lowered training step: one plan whose first steps are the forward pass. */

import { asGraph, isGradientNode, type TrainingGraph } from "../../../ops/gradients/index.js";
import type { ValueId } from "../../../ops/index.js";
import { concatPlaces, segmentsOfValues } from "../../channels.js";
import { type ConvChoice, lowerConv2d, lowerConvTranspose2d } from "../lower/lowerConv.js";
import { Lowering } from "../lower/lowering.js";
import { lowerOp } from "../lower/lowerOps.js";
import type { DenseTensor, Plan } from "../lower/plan.js";
import { lowerGradient } from "./lower.js";

export interface TrainingPlan extends Pick<Plan, "steps" | "storages"> {
  /** How many steps the forward pass has. */
  readonly forward: number;
  readonly inputs: readonly DenseTensor[];
  readonly seeds: readonly DenseTensor[];
  readonly results: readonly DenseTensor[];
  /** Of the parameters, then those asked for in addition. */
  readonly gradients: readonly DenseTensor[];
}

/** @throws UnsupportedError for an op without kernel. */
export function createTrainingPlan(
  graph: TrainingGraph,
  choice: ConvChoice,
  extra: readonly { readonly gradient: ValueId }[] = [],
): TrainingPlan {
  const segments = segmentsOfValues(asGraph(graph), false);
  const places = concatPlaces(asGraph(graph), segments, () => true);
  const lowering = new Lowering(asGraph(graph), { segments, places });
  const { steps, storages } = lowering;
  const lower = (first: number, end: number): void => {
    for (let index = first; index < end; index++) {
      const node = graph.nodes[index];
      lowering.enter(lowering.graph.nodes[index]);
      if (isGradientNode(node)) lowerGradient(lowering, node);
      else if (node.type === "conv2d") lowerConv2d(lowering, node, choice);
      else if (node.type === "convTranspose2d") lowerConvTranspose2d(lowering, node);
      else lowerOp(lowering, node);
    }
  };
  const pictures = graph.inputs.length - graph.seeds.length;
  const given = graph.inputs.map((id) => lowering.denseOutput(id));
  const inputs = given.slice(0, pictures);
  const seeds = given.slice(pictures);
  // Written before the first dispatch.
  for (const { storage } of inputs) storage.first = -1;
  lower(0, graph.forward);
  const results = graph.results.map((id) => lowering.dense(id));
  const forward = steps.length;
  lower(graph.forward, graph.nodes.length);
  const gradients = [...graph.parameters, ...extra].map(({ gradient }) => lowering.dense(gradient));
  // Results are read, and seeds written, between the passes.
  for (const { storage } of [...results, ...seeds]) {
    storage.first = Math.min(storage.first, forward - 1);
    storage.last = Math.max(storage.last, forward);
  }
  for (const { storage } of gradients) storage.last = Number.POSITIVE_INFINITY;
  return { steps, storages, forward, inputs, seeds, results, gradients };
}
