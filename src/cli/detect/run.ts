/** `yolov5 detect`: prepares flags, sources and model; the run itself is `DetectRun`. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { EMBEDDED_MODEL } from "../../api/names.js";
import { packageRoot } from "../../node/packageRoot.js";
import { openLabelFont } from "../../node/pictures/labelFont.js";
import { EXIT, UsageError } from "../errors.js";
import { checkRunFolder } from "../files/destinations.js";
import { describeModel, loadWithSeed } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import { tellUnavailable, type Unavailable } from "../options/unavailable.js";
import { checkWeightWords } from "../options/weightWords.js";
import type { Output } from "../output.js";
import { checkBlurFlags } from "./blurFlags.js";
import { DetectRun } from "./detectRun.js";
import { misorderedFrames } from "./frameOrder.js";
import { expandSources } from "./sources.js";
import { workersFor } from "./work/detectWorkers.js";

export async function runDetect(flags: DetectFlags, output: Output): Promise<number> {
  await checkFlags(flags, output);
  output.checkJson();
  const { nosave, saveTxt, saveCrop, project = "runs", name, existOk } = flags;
  if (!nosave || saveTxt || saveCrop) await checkRunFolder(project, name, existOk);
  const sources = flags.source ?? [exampleSource(flags.weights)];
  const items = await expandSources(sources, { signal: output.io.signal, frames: flags.track !== undefined });
  // A mistyped path is reported before a model is downloaded for it. JSON output needs the model in any case.
  if (!output.wantsJson && !output.wantsNdjson && items.every(({ error }) => error !== undefined)) {
    for (const { error } of items) output.fail(error ?? "");
    return EXIT.failed;
  }
  const misordered = flags.track === undefined ? undefined : misorderedFrames(items);
  if (misordered !== undefined) output.warn(misordered);
  const workers = workersFor(flags, items);
  // The network runs in the workers then, where each has one thread for it.
  const loaded = await loadWithSeed(workers > 0 ? { ...flags, threads: 1 } : flags, output);
  const { model } = loaded;
  try {
    const inWorkers = loaded.workersOf(flags.workers, workers);
    describeModel(model, output, inWorkers);
    const font = flags.nosave
      ? undefined
      : await openLabelFont(model.names, { file: flags.font, onWarning: (text) => output.warn(text) });
    return await new DetectRun(flags, output, loaded, items, font, inWorkers).run();
  } finally {
    model.dispose();
  }
}

const UNAVAILABLE: readonly Unavailable<DetectFlags>[] = [
  ["visualize", "not available; the library's model.tap() returns the output of any layer", "refused"],
  ["saveCsv", "not available; use --json FILE or --ndjson FILE", "refused"],
  ["viewImg", "no window is opened; see the annotated pictures in the run's folder"],
  ["update", "there is nothing to update, checkpoints are read without running their code; ignored"],
  ["dnn", "applies only to OpenCV's ONNX reader; ignored"],
];

async function checkFlags(flags: DetectFlags, output: Output): Promise<void> {
  tellUnavailable(flags, UNAVAILABLE, output);
  if ((flags.saveFormat ?? 0) > 0) {
    throw new UsageError(
      `--save-format ${flags.saveFormat}: only YOLO's format (0) is available; for boxes in pixels use --json`,
    );
  }
  if (flags.saveConf && !flags.saveTxt) output.warn("--save-conf has no effect without --save-txt");
  checkBlurFlags(flags);
  await checkWeightWords(flags);
}

function exampleSource(weights: readonly string[] | undefined): string {
  const embedded = (weights ?? []).every((name) => name === EMBEDDED_MODEL);
  const example = join(packageRoot(), "examples", `${EMBEDDED_MODEL}.png`);
  if (embedded && existsSync(example)) return example;
  throw new UsageError("--source is missing; give a picture, a folder, a glob or a URL, for example --source bus.jpg");
}
