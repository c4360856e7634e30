/** `yolov5 val` for classification models. */

import { type ClassificationEvaluation, evaluateClassification } from "../../eval/classification.js";
import { openClassificationDataset } from "../../node/datasets/classification.js";
import { formatSignificant } from "../../yolov5/output/text/printf.js";
import { EXIT, InterruptedError } from "../errors.js";
import { type CliModel, modelJson } from "../loadModel.js";
import { noteSize } from "../options/sizeNote.js";
import { optionName } from "../options/unavailable.js";
import type { Output } from "../output.js";
import type { ValFlags } from "./flags.js";
import { steps } from "./progress.js";
import { nameOf } from "./table.js";

export async function valClassification(flags: ValFlags, model: CliModel, output: Output): Promise<number> {
  for (const flag of ["saveTxt", "saveJson", "augment", "singleCls"] as const) {
    if (flags[flag]) output.warn(`${optionName(flag)} applies to boxes only; ignored`);
  }
  const { signal } = output.io;
  const split = flags.task === "speed" ? "val" : flags.task;
  const [side] = flags.imgsz === undefined ? model.info.defaultImgsz : [flags.imgsz];
  noteSize([model.info], [side, side], output);
  const samples = await openClassificationDataset(flags.data, model.names, split, {
    maxPixels: flags.maxPixels,
    onWarning: (text) => output.warn(text),
    signal,
  });
  output.line(`Data:    ${flags.data}, ${samples.length} pictures`);
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
  await output.writeJson({
    images,
    top1,
    top5,
    perClass: perClass.map(({ class: index, ...own }) => ({ class: index, name: nameOf(model.names, index), ...own })),
    speed,
    complete,
    excluded: failed.map(({ sample, error }) => ({ name: sample.name, reason: error.message })),
    model: modelJson(model),
    backend: model.device,
  });
  if (complete) return EXIT.done;
  return output.error(
    new InterruptedError(`interrupted after ${images} of ${samples.length} pictures; the figures cover those`),
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
