/** `yolov5 val` for classification models. */

import { type ClassificationEvaluation, evaluateClassification } from "../../eval/classification.js";
import { partOf } from "../../eval/statistics/shard.js";
import { openClassificationDataset } from "../../node/datasets/classification.js";
import { formatSignificant } from "../../yolov5/output/text/printf.js";
import { EXIT, InterruptedError } from "../errors.js";
import { type CliModel, modelJson } from "../loadModel.js";
import { noteSize } from "../options/sizeNote.js";
import { optionName } from "../options/unavailable.js";
import type { Output } from "../output.js";
import { counted } from "../table.js";
import { steps } from "./progress.js";
import { ValShard, type ValTask } from "./shard.js";
import { nameOf } from "./table.js";

const PROJECT = "runs/val-cls";

export async function valClassification(task: ValTask, model: CliModel): Promise<number> {
  const { flags, output, shard } = task;
  for (const flag of ["saveTxt", "saveJson", "augment", "singleCls", "asDetect", "ap"] as const) {
    if (flags[flag]) output.warn(`${optionName(flag)} applies to boxes only; ignored`);
  }
  const { signal } = output.io;
  const split = flags.task === "speed" ? "val" : flags.task;
  const [side] = flags.imgsz === undefined ? model.info.defaultImgsz : [flags.imgsz];
  noteSize([model.info], [side, side], output);
  const all = await openClassificationDataset(flags.data, model.names, split, {
    maxPixels: flags.maxPixels,
    onWarning: (text) => output.warn(text),
    signal,
  });
  output.line(`Data:    ${flags.data}, ${counted(all.length, "picture")}`);
  const names = all.map((sample) => `${sample.class} ${sample.name}`);
  const own = shard && new ValShard(task, flags.project ?? PROJECT, shard, names);
  const skipped = await own?.skipped();
  if (skipped !== undefined) return skipped;
  const samples = shard ? all.slice(...partOf(all.length, shard)) : all;
  const bar = steps(output, "measuring");
  let evaluation: ClassificationEvaluation;
  try {
    const { imgsz, forwardBatch } = flags;
    evaluation = await evaluateClassification(model, samples, { imgsz, forwardBatch, signal, onProgress: bar.update });
  } finally {
    bar.stop();
  }
  for (const { error } of evaluation.failed) output.warn(`${error.message}; the picture is left out`);
  printTable(evaluation, model.names, output);
  const { images, top1, top5, perClass, speed, complete, failed } = evaluation;
  const results = {
    images,
    top1,
    top5,
    perClass: perClass.map(({ class: index, ...own }) => ({ class: index, name: nameOf(model.names, index), ...own })),
    speed,
    complete,
    excluded: failed.map(({ sample, error }) => ({ name: sample.name, reason: error.message })),
    model: modelJson(model),
    backend: model.device,
  };
  // Unreadable pictures are left out, as in a run that has no shards.
  if (own) await own.finish(results, 0);
  else await output.writeJson(results);
  if (complete) return EXIT.done;
  return output.error(
    new InterruptedError(
      `interrupted after ${images} of ${counted(samples.length, "picture")}; the figures cover those`,
    ),
  );
}

/** The columns that classify/val.py prints. */
function printTable(evaluation: ClassificationEvaluation, names: readonly string[], output: Output): void {
  const line = (name: string, ...cells: readonly string[]): void =>
    output.line(name.padStart(24) + cells.map((cell) => cell.padStart(12)).join(""));
  const figure = (value: number): string => formatSignificant(value, 3);
  output.line();
  line("Class", "Images", "top1_acc", "top5_acc");
  line("all", `${evaluation.images}`, figure(evaluation.top1), figure(evaluation.top5));
  for (const own of evaluation.perClass) {
    line(nameOf(names, own.class), `${own.images}`, figure(own.top1), figure(own.top5));
  }
  const { preprocess, inference, postprocess } = evaluation.speed;
  const ms = (value: number): string => `${value.toFixed(1)}ms`;
  output.line(
    `Speed: ${ms(preprocess)} pre-process, ${ms(inference)} inference, ${ms(postprocess)} post-process per image`,
  );
}
