/** A network's outputs → the data of a result, plain and sendable between threads → the result. */

import type { CandidateOutputs } from "../../runtime/backend.js";
import { batchItem, type HostTensor, toFloat32 } from "../../tensor/index.js";
import type { ModelInfo } from "../checkpoint/modelInfo.js";
import type { ResultSaver } from "../draw/saver.js";
import type { Picture } from "../input/pictures.js";
import { type SlicedObject, slicedDetection, slicedPose, slicedSegment } from "../slices/slicedObject.js";
import { softmax } from "./classify.js";
import { prototypesOf } from "./masks/masks.js";
import { type Candidate, suppressRows } from "./nms/nms.js";
import type { ResolvedNmsOptions } from "./nms/nmsOptions.js";
import { rowFormat } from "./nms/rowFormat.js";
import {
  ClassificationResult,
  DetectionResult,
  detectionsFrom,
  type PoseResult,
  posedDetectionsFrom,
  type ResultFacts,
  type SegmentationResult,
  type Speed,
  segmentedDetectionsFrom,
} from "./results.js";

/**
 * Boxes, boxes with masks, boxes with keypoints, or class scores, depending on the model's task. `detections` and `xyxy` exist for every
 * task (empty for classification); `result.task === "segment"` narrows to masks, `"pose"` to keypoints, `"classify"` to `top5`.
 */
export type Result = DetectionResult | SegmentationResult | PoseResult | ClassificationResult;

/** What a result records about its picture. */
export type PictureFacts = Omit<ResultFacts, "names" | "saver" | "input" | "speed">;

/** A picture's part of a batch that has run. */
export interface RunPicture {
  readonly facts: PictureFacts;
  /** Milliseconds. */
  readonly speed: Omit<Speed, "postprocess">;
}

/** The network's outputs for a batch: rows that may become boxes, or class scores [N, classes]. */
export type BatchOutputs = CandidateOutputs | { readonly logits: HostTensor };

/** What of a model its results depend on, beside its names. */
interface ResultModel extends Pick<ModelInfo, "task"> {
  readonly family?: ModelInfo["family"] | undefined;
  readonly keypoints?: ModelInfo["keypoints"] | undefined;
}

export interface Outcome extends ResultModel {
  readonly facts: Omit<ResultFacts, "names" | "saver">;
  /** Boxes kept by NMS, in pixels of the network's input; absent for classification. */
  readonly candidates?: readonly Candidate[];
  /** Segmentation: [1, 32, h, w]. */
  readonly prototypes?: HostTensor;
  readonly retinaMasks?: boolean;
  /** Classification: one per class. */
  readonly logits?: Float32Array;
  /** Instead of all of these: the detections in the windows of a picture. */
  readonly objects?: readonly SlicedObject[];
}

export function pictureFacts({ image, source, frame, time, warnings }: Picture): PictureFacts {
  return { width: image.width, height: image.height, source, frame, time, warnings };
}

/**
 * Runs the suppression for a batch.
 * @param input shape of the network's input.
 * @returns one outcome per picture, in the batch's order.
 */
export function outcomesOf(
  batch: readonly RunPicture[],
  input: readonly number[],
  outputs: BatchOutputs,
  model: ResultModel & Parameters<typeof rowFormat>[0],
  options: ResolvedNmsOptions & { readonly retinaMasks: boolean },
): Outcome[] {
  const started = performance.now();
  const kept = "logits" in outputs ? [] : suppressRows(outputs.candidates, options, rowFormat(model));
  const postprocess = (performance.now() - started) / batch.length;
  const { task, family, keypoints } = model;
  const kind: ResultModel = { task, family, keypoints };
  return batch.map((picture, n) => {
    const facts = { ...picture.facts, input: [1, ...input.slice(1)], speed: { ...picture.speed, postprocess } };
    if ("logits" in outputs) return { ...kind, facts, logits: toFloat32(batchItem(outputs.logits, n)).data.slice() };
    if (task !== "segment") return { ...kind, facts, candidates: kept[n] };
    const prototypes = batchItem(outputs.others[0], n);
    return { ...kind, facts, candidates: kept[n], prototypes, retinaMasks: options.retinaMasks };
  });
}

/** Builds the result from an outcome: boxes or masks in the picture's own pixels, or class probabilities. */
export function resultOf(outcome: Outcome, names: readonly string[], saver?: ResultSaver): Result {
  const { candidates, prototypes, retinaMasks, family, keypoints } = outcome;
  const facts: ResultFacts = { ...outcome.facts, names, saver };
  if (outcome.objects) return slicedResult(outcome.objects, facts, outcome.task);
  if (!candidates) return new ClassificationResult(facts, softmax(outcome.logits ?? []));
  const { input, width, height } = facts;
  const picturing = { input: [input[2], input[3]], original: [height, width], names, family } as const;
  if (prototypes) {
    const found = segmentedDetectionsFrom(candidates, prototypesOf(prototypes), picturing, retinaMasks);
    return new DetectionResult(facts, found, "segment");
  }
  if (keypoints) return new DetectionResult(facts, posedDetectionsFrom(candidates, keypoints, picturing), "pose");
  return new DetectionResult(facts, detectionsFrom(candidates, picturing), "detect");
}

function slicedResult(objects: readonly SlicedObject[], facts: ResultFacts, task: ModelInfo["task"]): Result {
  const { names, width, height } = facts;
  if (task === "segment") {
    const empty = { counts: [width * height], size: [height, width] } as const;
    return new DetectionResult(
      facts,
      objects.map((object) => slicedSegment(object, names, empty)),
      "segment",
    );
  }
  if (task === "pose")
    return new DetectionResult(
      facts,
      objects.map((object) => slicedPose(object, names)),
      "pose",
    );
  return new DetectionResult(
    facts,
    objects.map((object) => slicedDetection(object, names)),
    "detect",
  );
}
