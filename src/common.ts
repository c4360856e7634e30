/** What the Node and the browser entry have in common. */

export type { AnnotatePicture, AnnotateTarget, Context2dLike } from "./api/annotate.js";
export type { LoadInWorkerOptions, LoadOptions, OnProgress, WorkerLike } from "./api/loadOptions.js";
export { CACHE_NAME, EMBEDDED_MODEL } from "./api/names.js";
export { predict } from "./api/predict.js";
export { quantize } from "./api/quantize.js";
export type {
  CanvasLike,
  DrawableSource,
  ImageBitmapLike,
  ImageElementLike,
  PictureSource,
  VideoElementLike,
  VideoFrameLike,
  WeightSource,
} from "./api/sources.js";
export { verifyModel } from "./api/verifyModel.js";
export type { WorkerDetectOptions, WorkerModel, WorkerPrediction } from "./browser/worker/workerModel.js";
export type { QuantizeOptions } from "./compress/quantize/quantize.js";
export type { CalibrationMethod } from "./compress/quantize/ranges.js";
export * from "./errors.js";
export type { Figure } from "./image/draw/figures.js";
export type { Font as LabelFont, Glyph, TextShaper } from "./image/draw/font.js";
export type { Color } from "./image/draw/palette.js";
export { paletteColor, type ThemeName } from "./image/draw/theme.js";
export type { RgbImage } from "./image/types.js";
export type {
  Backend,
  BackendChoice,
  BackendName,
  CandidateOutputs,
  CandidateRows,
  Capabilities,
  CompileOptions,
  ComputeDType,
  MemoryUse,
  NodeTiming,
  TuneOptions,
  TuneReport,
} from "./runtime/backend.js";
export type { SliceMerge, SliceOptions } from "./solutions/slices/options.js";
export { type Comparison, compare, type DType, type Float32Tensor, type HostTensor, tensor } from "./tensor/index.js";
export * from "./tracking/index.js";
export type { ModelInfo, Task } from "./yolov5/checkpoint/modelInfo.js";
export type { AnnotateStyle } from "./yolov5/draw/drawStyle.js";
export type { SaveOptions } from "./yolov5/draw/saver.js";
export type { Family, KeypointShape } from "./yolov5/graph/heads.js";
export type { PlainPicture, RawPicture } from "./yolov5/input/plainPicture.js";
export { Model, type Result } from "./yolov5/model.js";
export type { NetworkMemory } from "./yolov5/network.js";
export type { DetectOptions, Fit } from "./yolov5/options.js";
export type { Size } from "./yolov5/output/boxes.js";
export type { ClassScore } from "./yolov5/output/classify.js";
export type { Keypoint } from "./yolov5/output/detections.js";
export type { BinaryMask, Rle } from "./yolov5/output/masks/rle.js";
export { type Candidate, nonMaxSuppression } from "./yolov5/output/nms/nms.js";
export type { NmsOptions } from "./yolov5/output/nms/nmsOptions.js";
export type { RowFormat } from "./yolov5/output/nms/rowFormat.js";
export type { Prediction, Thresholds } from "./yolov5/output/prediction.js";
export {
  type BoxRow,
  ClassificationResult,
  type Detection,
  DetectionResult,
  type PosedDetection,
  type PoseResult,
  type SegmentationResult,
  type SegmentedDetection,
  type Speed,
} from "./yolov5/output/results.js";
export { classificationLines, detectionLines, poseLines, segmentationLines } from "./yolov5/output/text/saveText.js";
export { trackResult } from "./yolov5/output/trackResult.js";
export type { LayerComparison, VerifiableModel, Verification, VerifyTolerance } from "./yolov5/verify.js";
