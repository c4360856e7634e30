/** The labelling tools that a run writes files for. */

import type { DetectFlags } from "../../options/flags.js";
import type { LabelFormat } from "./labelFiles.js";

export function labelFormats(flags: DetectFlags): LabelFormat[] {
  const { saveCoco, saveVoc, saveCvat, saveLabelstudio } = flags;
  const wanted = { coco: saveCoco, voc: saveVoc, cvat: saveCvat, labelStudio: saveLabelstudio };
  return (["coco", "voc", "cvat", "labelStudio"] as const).filter((format) => wanted[format]);
}
