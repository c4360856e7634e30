/** Checks that a data set's classes are the model's; otherwise the figures would be meaningless. */

import { DatasetError } from "../errors.js";
import type { DetectionDataset } from "./dataset/types.js";
import type { EvaluationModel } from "./model.js";

/** @throws DatasetError with the classes that the model lacks, and a picture that has them. */
export function assertClasses(model: EvaluationModel, dataset: DetectionDataset, singleClass: boolean): void {
  const { classes } = model.info;
  if (singleClass) return;
  const said = dataset.categoryIds ? undefined : dataset.names?.length;
  if (said !== undefined && said !== classes) {
    throw new DatasetError(
      `${dataset.name}: describes ${said} class${said === 1 ? "" : "es"}, but the model has ${classes}; use the data set that the model was trained on, or --single-cls`,
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
      `use the data set that the model was trained on, or --single-cls (first found in the labels of ${listed[0][1].name})`,
    { classes, outside: listed.map(([c]) => c) },
  );
}
