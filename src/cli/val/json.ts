/** The JSON output of val. */

import type { Evaluation } from "../../eval/evaluation.js";
import type { Metrics } from "../../eval/metrics/metrics.js";
import { nameOf } from "./table.js";

function figures(metrics: Metrics, names: readonly string[]) {
  const { precision, recall, f1, map50, map50_95, confidence } = metrics;
  const perClass = metrics.perClass.map(({ class: index, ...own }) => ({
    class: index,
    name: nameOf(names, index),
    ...own,
  }));
  return { precision, recall, f1, map50, map50_95, confidence, perClass };
}

export function evaluationJson(evaluation: Evaluation, names: readonly string[]) {
  const { metrics, maskMetrics, keypointMetrics, confusion, speed, complete } = evaluation;
  const side = confusion.classes + 1;
  const rows = Array.from({ length: side }, (_, predicted) =>
    Array.from({ length: side }, (_, truth) => confusion.at(predicted, truth)),
  );
  return {
    images: metrics.images,
    instances: metrics.instances,
    ...figures(metrics, names),
    ...(maskMetrics ? { masks: figures(maskMetrics, names) } : {}),
    ...(keypointMetrics ? { keypoints: figures(keypointMetrics, names) } : {}),
    speed,
    complete,
    /** Rows: predicted class, columns: true class; the last of each is background. */
    confusionMatrix: rows,
  };
}
