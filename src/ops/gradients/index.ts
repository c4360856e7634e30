/** Training: gradients as a graph. Nothing of it is in the index of `ops`, so that inference does not carry it. */

export * from "./attributes.js";
export { backward } from "./backward.js";
export { evaluateTraining } from "./evaluate.js";
export { fakeQuantizeSteps, type QuantizationSteps } from "./fakeQuantize.js";
export {
  asGraph,
  copyConstants,
  type ForwardGraph,
  type GradientNode,
  type GradientNodeOf,
  isGradientNode,
  type Parameter,
  type TrainingGraph,
  type TrainingNode,
} from "./graph.js";
export { withFakeQuantizedInputs } from "./quantizeInputs.js";
export { trainingBytes, withinBudget } from "./recompute.js";
export { GRADIENT_OPS } from "./registry.js";
export { type Turned, turnTransposed } from "./turn.js";
