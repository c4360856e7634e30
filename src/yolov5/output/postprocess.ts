/** A network's outputs → results: suppression, boxes or masks in the picture's own pixels, or class scores. */

import type { CandidateOutputs } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import type { ModelInfo } from "../checkpoint/modelInfo.js";
import type { Picture } from "../input/pictures.js";
import type { Fitted } from "../input/preprocess.js";
import type { ResolvedOptions } from "../options.js";
import { softmax } from "./classify.js";
import { prototypesOf } from "./masks.js";
import { suppressRows } from "./nms.js";
import {
  ClassificationResult,
  DetectionResult,
  detectionsFrom,
  type ResultFacts,
  type SegmentationResult,
  segmentedDetectionsFrom,
} from "./results.js";

/**
 * Boxes, boxes with masks, or class scores, depending on the model's task. `detections` and `xyxy` are there for every task
 * (a classification has none); `result.task === "segment"` narrows to masks, `"classify"` to `top5`.
 */
export type Result = DetectionResult | SegmentationResult | ClassificationResult;

/** A picture at the network's size. */
export interface Prepared extends Fitted {
  readonly picture: Picture;
}

/**
 * @param input shape of the network's input
 * @param times ms a picture
 */
export function resultsOf(
  batch: readonly Prepared[],
  input: readonly number[],
  outputs: CandidateOutputs | { readonly logits: HostTensor },
  { task, names, maskCoefficients }: Pick<ModelInfo, "task" | "names" | "maskCoefficients">,
  options: ResolvedOptions,
  times: { readonly preprocess: number; readonly inference: number },
): Result[] {
  const started = performance.now();
  const kept = "logits" in outputs ? [] : suppressRows(outputs.candidates, options, maskCoefficients);
  const postprocess = (performance.now() - started) / batch.length;
  return batch.map(({ picture, ms }, n) => {
    const { width, height } = picture.image;
    const facts: ResultFacts = {
      source: picture.source,
      width,
      height,
      input: [1, ...input.slice(1)],
      names,
      speed: { preprocess: ms + times.preprocess, inference: times.inference, postprocess },
      frame: picture.frame,
      time: picture.time,
      warnings: picture.warnings,
      saver: picture.saver,
    };
    if ("logits" in outputs) {
      const classes = outputs.logits.shape[1];
      const logits = (outputs.logits.data as Float32Array).subarray(n * classes, (n + 1) * classes);
      return new ClassificationResult(facts, softmax(logits));
    }
    const [from, to] = [[input[2], input[3]] as const, [height, width] as const];
    if (task === "detect") return new DetectionResult(facts, detectionsFrom(kept[n], from, to, names), "detect");
    const prototypes = prototypesOf(outputs.others[0], n);
    const found = segmentedDetectionsFrom(kept[n], prototypes, from, to, names, options.retinaMasks);
    return new DetectionResult(facts, found, "segment");
  });
}
