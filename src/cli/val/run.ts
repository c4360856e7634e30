/** `yolov5 val`: measures a model on a data set and writes figures, plots and files. */

import { DatasetError } from "../../errors.js";
import { kindOf } from "../../node/datasets/files.js";
import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import { describeModel, loadWithSeed } from "../loadModel.js";
import { sliceOptions } from "../options/slices.js";
import { tellUnavailable, type Unavailable } from "../options/unavailable.js";
import type { Output } from "../output.js";
import { shardAsked } from "../shards/shardRun.js";
import { valClassification } from "./classification.js";
import { valDetection } from "./detection.js";
import { checkValFolder } from "./files.js";
import type { ValFlags } from "./flags.js";
import { ValWorkers, valWorkersFor } from "./valWorkers.js";

export async function runVal(flags: ValFlags, output: Output): Promise<number> {
  checkFlags(flags, output);
  // A mistyped path is reported before a model is downloaded for it.
  if (!(await kindOf(flags.data))) {
    throw new DatasetError(
      `--data ${flags.data}: no such file or folder; give a folder with images/ and labels/, a data set's .yaml, a .txt list of pictures, a .json of COCO or Label Studio, or CVAT's .xml`,
      { path: flags.data },
    );
  }
  if (flags.project !== undefined) await checkValFolder(flags, flags.project);
  const shard = await shardAsked(flags, output);
  const { weights, backend, device, threads, half, tune, cfg } = flags;
  const workers = valWorkersFor(flags);
  // The network runs in the workers then, where each has one thread for it.
  const threadsFor = (task: Task): number | undefined => (workers > 0 && task !== "classify" ? 1 : threads);
  const { model, contents, seed, workersOf } = await loadWithSeed(
    { weights, backend, device, threadsFor, half, tune, cfg },
    output,
  );
  const inWorkers = model.task === "classify" ? 0 : workersOf(flags.workers, workers);
  const onWarning = (text: string): void => output.warn(text);
  const { maxPixels } = flags;
  const elsewhere = inWorkers > 0 ? new ValWorkers(inWorkers, { model: seed(), maxPixels }, onWarning) : undefined;
  const task = { flags, output, shard, contents };
  try {
    describeModel(model, output, inWorkers);
    return model.task === "classify"
      ? await valClassification(task, model)
      : await valDetection(task, model, elsewhere);
  } finally {
    elsewhere?.dispose();
    model.dispose();
  }
}

const UNAVAILABLE: readonly Unavailable<ValFlags>[] = [
  [
    "saveHybrid",
    "not available: mixing labels into the predictions makes the figures misleading; --save-txt writes the predictions",
    "refused",
  ],
  ["dnn", "applies only to OpenCV's ONNX reader; ignored"],
];

function checkFlags(flags: ValFlags, output: Output): void {
  tellUnavailable(flags, UNAVAILABLE, output);
  if (flags.saveConf && !flags.saveTxt) output.warn("--save-conf has no effect without --save-txt");
  sliceOptions(flags);
}
