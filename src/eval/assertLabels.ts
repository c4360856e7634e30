/** Checks that a data set's labels are for the model; otherwise the figures would be meaningless. */

import { DatasetError, OptionError } from "../errors.js";
import type { DetectionDataset } from "./dataset/types.js";
import type { EvaluationModel } from "./model.js";

/**
 * @param singleClass whether all labels count as one class; undefined where there is no such choice
 * @throws DatasetError with the classes that the model lacks, and a picture that has them; OptionError without keypoints for a pose model.
 */
export function assertLabels(
  { info }: Pick<EvaluationModel, "info">,
  dataset: DetectionDataset,
  singleClass: boolean | undefined,
): void {
  if (info.task === "pose" && !dataset.samples.some(({ truth }) => truth.keypoints?.some((p) => p))) {
    throw new OptionError(
      `evaluate: no label of ${dataset.name} has keypoints; a pose model needs label files with points after the box, or COCO annotations with keypoints, read with the option keypoints`,
      {},
    );
  }
  const { classes } = info;
  if (singleClass) return;
  const advice = `use the data set that the model was trained on${singleClass === undefined ? "" : ", or --single-cls"}`;
  const said = dataset.categoryIds ? undefined : dataset.names?.length;
  if (said !== undefined && said !== classes) {
    throw new DatasetError(
      `${dataset.name}: describes ${said} class${said === 1 ? "" : "es"}, but the model has ${classes}; ${advice}`,
      { classes, described: said },
    );
  }
  const outside = new Map<number, { count: number; name: string }>();
  for (const { truth, name } of dataset.samples) {
    for (const c of truth.classes) {
      if (c < classes) continue;
      const entry = outside.get(c);
      if (entry) entry.count++;
      else outside.set(c, { count: 1, name });
    }
  }
  if (outside.size === 0) return;
  const listed = [...outside].sort(([a], [b]) => a - b);
  const shown = listed.slice(0, 5).map(([c, { count }]) => `class ${c} (${count} label${count === 1 ? "" : "s"})`);
  const more = listed.length > shown.length ? ` and ${listed.length - shown.length} more` : "";
  throw new DatasetError(
    `${dataset.name}: its labels use ${shown.join(", ")}${more}, but the model has ${classes} class${classes === 1 ? "" : "es"} (0 to ${classes - 1}); ` +
      `${advice} (first found in the labels of ${listed[0][1].name})`,
    { classes, outside: listed.map(([c]) => c) },
  );
}
