/** `yolov5 val`: a data set and a model in, figures, plots and files out. */

import { DatasetError } from "../../errors.js";
import { kindOf } from "../../node/datasets/files.js";
import { describeModel, loadModel } from "../loadModel.js";
import { tellUnavailable, type Unavailable } from "../options/unavailable.js";
import type { Output } from "../output.js";
import { valClassification } from "./classification.js";
import { valDetection } from "./detection.js";
import { checkValFolder } from "./files.js";
import type { ValFlags } from "./flags.js";

export async function runVal(flags: ValFlags, output: Output): Promise<number> {
  checkFlags(flags, output);
  // A mistyped path is told before a model is downloaded for it.
  if (!(await kindOf(flags.data))) {
    throw new DatasetError(
      `--data ${flags.data}: no such file or folder; give a folder with images/ and labels/, a data set's .yaml, a .txt list of pictures or COCO's .json`,
      { path: flags.data },
    );
  }
  if (flags.project !== undefined) await checkValFolder(flags, flags.project);
  const { weights, backend, device, threads, half, tune, cfg } = flags;
  const model = await loadModel({ weights, backend, device, threads, half, tune, cfg }, output);
  try {
    describeModel(model, output);
    return model.task === "classify"
      ? await valClassification(flags, model, output)
      : await valDetection(flags, model, output);
  } finally {
    model.dispose();
  }
}

const UNAVAILABLE: readonly Unavailable<ValFlags>[] = [
  [
    "saveHybrid",
    "not available: labels mixed into the predictions give misleading figures; --save-txt writes the predictions",
    "refused",
  ],
  ["dnn", "is for OpenCV's ONNX reader and ignored"],
];

function checkFlags(flags: ValFlags, output: Output): void {
  tellUnavailable(flags, UNAVAILABLE, output);
  if (flags.saveConf && !flags.saveTxt) output.warn("--save-conf does nothing without --save-txt");
}
