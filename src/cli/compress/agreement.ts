/**
 * How well a smaller network finds what the original one finds, without labels: mAP50-95 on pictures whose labels are the
 * original's own boxes. The distance between head maps alone would not do: it falls for the frequent classes while the rare ones
 * get lost.
 */

import { type DetectionDataset, NO_OBJECTS, type Sample } from "../../eval/dataset/types.js";
import type { PictureOutcome } from "../../eval/evaluation.js";
import { evaluate } from "../../eval/onDemand.js";
import type { Backend } from "../../runtime/backend.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { OpenedModel } from "../../yolov5/loadModel.js";
import { withModel } from "./measure.js";

/** Boxes of the original network that count as labels: those that `detect` shows. */
const LEAST_CONFIDENCE = 0.25;

export interface AgreementContext {
  readonly backend: Backend;
  readonly info: ModelInfo;
  readonly imgsz: number;
  readonly signal: AbortSignal;
}

/**
 * @param original the network whose boxes are right
 * @param samples pictures to measure on
 * @returns measures trees; undefined where nothing can be measured: the original finds nothing in the pictures, or it finds
 *   poses, whose figures need keypoints
 */
export async function agreementWith(
  original: OpenedModel,
  samples: readonly Sample[],
  context: AgreementContext,
): Promise<((module: ModuleNode) => Promise<number>) | undefined> {
  if (context.info.task === "pose") return undefined;
  const labelled: Sample[] = [];
  const collect = ({ sample, detections }: PictureOutcome): void => {
    const { width, height } = sample;
    const kept = [...detections.confidences.keys()].filter((i) => detections.confidences[i] >= LEAST_CONFIDENCE);
    const boxes = kept.flatMap((i) => {
      const [x1, y1, x2, y2] = detections.boxes.subarray(4 * i, 4 * i + 4);
      return [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height];
    });
    const truth = {
      classes: Int32Array.from(kept, (i) => detections.classes[i]),
      boxes: Float32Array.from(boxes),
      polygons: kept.map(() => []),
    };
    labelled.push({ ...sample, truth });
  };
  // Labels beside them may be of other classes, and are not asked.
  const unlabelled = samples.map((sample): Sample => ({ ...sample, truth: NO_OBJECTS, load: () => sample.load() }));
  await measured(original, unlabelled, context, collect);
  if (labelled.every(({ truth }) => truth.classes.length === 0)) return undefined;
  return async (module) => (await measured({ ...original, module }, labelled, context)).map50_95;
}

async function measured(
  opened: OpenedModel,
  samples: readonly Sample[],
  { backend, info, imgsz, signal }: AgreementContext,
  onPicture?: (outcome: PictureOutcome) => void,
) {
  const dataset: DetectionDataset = { name: "watched pictures", samples, names: undefined, excluded: [] };
  const evaluation = await withModel({ opened, name: dataset.name, info }, backend, (model) =>
    evaluate(model, dataset, { imgsz, signal, onPicture }),
  );
  signal.throwIfAborted();
  return evaluation.metrics;
}
