/** Pruning and re-estimation; int8 is in `quantize/`. */

export { reestimate } from "./calibration/onDemand.js";
export { type CalibrationOptions, type CalibrationSample, calibrationInputs } from "./calibration/pictures.js";
export type { ReestimateOptions } from "./calibration/reestimate.js";
export {
  ChannelPruner,
  type ChannelPrunerOptions,
  largestAmount,
  PRUNING_CRITERIA,
  type PrunedNetwork,
  type PruneStage,
  type PruningCriterion,
} from "./channelPruner.js";
export { moduleFlops } from "./flops.js";
export { outputError } from "./outputError.js";
export type { Criterion as WeightCriterion } from "./prune/groups.js";
export {
  type PrunedGroup,
  type PruneOptions,
  type PruneResult,
  type PruningPlan,
  planPruning,
  pruneChannels,
} from "./prune/pruneChannels.js";
export { pruneUnstructured, type UnstructuredResult } from "./prune/unstructured.js";
export type { TrainingSample } from "./recover/pictures.js";
export { type LayerSensitivity, layerSensitivities, outputErrorOf, type SensitivityOptions } from "./sensitivity.js";
