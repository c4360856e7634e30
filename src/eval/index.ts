/** Measuring models on labelled pictures. Runs in Node and in browsers; reading data sets from disk is Node's part. */

export { averagePrecision, cocoAveragePrecision } from "./averagePrecision.js";
export {
  type Accuracy,
  type ClassAccuracy,
  type ClassificationEvaluation,
  type ClassifyOptions,
  evaluateClassification,
} from "./classification.js";
export { CocoResults } from "./coco/cocoResults.js";
export { ConfusionMatrix } from "./confusionMatrix.js";
export type { Split } from "./dataset/dataYaml.js";
export type { ClassifiedSample, DetectionDataset, GroundTruth, Polygon, Sample } from "./dataset/types.js";
export { type EvaluateOptions, type Evaluation, evaluate, type PictureOutcome } from "./evaluate.js";
export { boxIou, IOU_THRESHOLDS, matchDetections } from "./matching.js";
export { type ClassCurves, type ClassMetrics, type Metrics, MetricsAccumulator } from "./metrics.js";
export type { EvaluationModel } from "./model.js";
