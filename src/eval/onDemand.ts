/** `evaluate`, whose code pages fetch when it is called. */

import { imported } from "../imported.js";
import type { DetectionDataset } from "./dataset/types.js";
import type { EvaluateOptions, Evaluation } from "./evaluation.js";
import type { EvaluationModel } from "./model.js";

/**
 * Measures a detection or segmentation model. Unreadable pictures are left out and listed in `failed`.
 * @throws DatasetError for labels of classes that the model lacks, and if no picture is left; OptionError for invalid
 * options; what the backend throws.
 */
export async function evaluate(
  model: EvaluationModel,
  dataset: DetectionDataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { evaluateIn } = await imported(import("./evaluate.js"));
  return evaluateIn(undefined, model, dataset, options);
}
