/**
 * Evaluates models on labelled pictures. Runs in Node and in browsers; reading data sets from disk is part of the
 * Node entry.
 */

export {
  type Accuracy,
  type ClassAccuracy,
  type ClassificationEvaluation,
  type ClassifyOptions,
  evaluateClassification,
} from "./classification.js";
export { type CocoResult, CocoResults, type CocoResultsOptions } from "./coco/cocoResults.js";
export type { Split } from "./dataset/dataYaml.js";
export type { ClassifiedSample, DetectionDataset, GroundTruth, Polygon, Sample } from "./dataset/types.js";
export type { EvaluateOptions, Evaluation, PictureOutcome } from "./evaluation.js";
export {
  type ApDefinition,
  type AveragePrecision,
  averagePrecision,
  cocoAveragePrecision,
} from "./metrics/averagePrecision.js";
export { type ConfusionInput, ConfusionMatrix } from "./metrics/confusionMatrix.js";
export { boxIou, IOU_THRESHOLDS, type MatchInput, matchDetections } from "./metrics/matching.js";
export {
  type ClassCurves,
  type ClassMetrics,
  type Metrics,
  MetricsAccumulator,
  type PictureMatches,
} from "./metrics/metrics.js";
export type { EvaluationModel } from "./model.js";
export { evaluate } from "./onDemand.js";
export type { Shard } from "./statistics/shard.js";
export { type EvaluationFigures, type EvaluationStatistics, mergeStatistics } from "./statistics/tallies.js";
export type { DetectionColumns, Placement } from "./targets.js";
