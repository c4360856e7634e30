/** `yolov5 val`: the flags of val.py v7.0 with its defaults, and a few more. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { batchSize, fraction, list, whole } from "../options/values.js";
import { TUNE_HELP } from "../tuning.js";
import type { ValFlags } from "../val/flags.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Data sets: a folder with images/ and labels/ (a .txt a picture, "class x y w h" divided by its size), an Ultralytics
.yaml (path, val, names), a .txt list of pictures, or COCO's annotations .json. For classification models a folder with
val/<class>/<pictures>. A picture without a label file counts as background.

Examples:
  yolov5 val --weights best.pt --data dataset.yaml
  yolov5 val --weights yolov5n.pt --data coco/annotations/instances_val2017.json --images coco/val2017 --save-json
  yolov5 val --weights best.pt --data photos --imgsz 320 --verbose --json -
  yolov5 val --weights yolov5s-cls.pt --data imagenette`;

const TASKS = ["train", "val", "test", "speed"] as const;

function task(text: string): ValFlags["task"] {
  const found = TASKS.find((name) => name === text);
  if (found) return found;
  const study = text.toLowerCase() === "study" ? " For a study run val once for each --imgsz and keep its --json." : "";
  throw new InvalidArgumentError(`Allowed choices are ${TASKS.join(", ")}.${study}`);
}

export function defineVal(program: Command, start: Start): void {
  const command = program
    .command("val")
    .summary("precision, recall and mAP on a labelled data set")
    .description("Measures a model on a labelled data set, as val.py of YOLOv5 v7.0 does, after the model's own task.")
    .optionsGroup("Model and data:")
    .option("--weights <w...>", `${WEIGHTS_HELP}; several make an ensemble (default: codes)`, list(String))
    .requiredOption("--data <path>", "the data set; see below")
    .option("--images <folder>", "where the pictures of COCO's annotations are")
    .addOption(
      new Option(
        "--task <split>",
        "which pictures of a description: train, val, test; speed: val with speed settings (square, conf .25, iou .45)",
      )
        .argParser(task)
        .default("val"),
    )
    .option("--imgsz <px>", "longer side of the input (default: 640; classification 224)", whole(1, 16384))
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option("--batch-size <n>", "pictures that share an input shape (32 is val.py's)", batchSize, 32)
    .option("--forward-batch <n>", "pictures that share a forward pass; changes the speed only", batchSize, 1)
    .option("--half", "float16 where the backend has it")
    .option("--tune", TUNE_HELP)
    .option("--augment", "test-time augmentation: three scales, one mirrored (detection)")
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .optionsGroup("Measuring:")
    .option("--conf-thres <p>", "lowest confidence (also --conf; default: 0.001)", fraction)
    .option("--iou-thres <p>", "IoU above which NMS drops the weaker box (also --iou; default: 0.6)", fraction)
    .option("--max-det <n>", "most boxes a picture", whole(1), 300)
    .option("--single-cls", "all classes count as one")
    .option("--verbose", "a row a class also for 50 classes and more")
    .optionsGroup("Results:")
    .option("--save-json", "<weights>_predictions.json in COCO's format")
    .option("--save-txt", "labels/<picture>.txt: class x y w h, normalised")
    .option("--save-conf", "with the confidence at the end of those lines")
    .option("--noplots", "no curves, confusion matrix and mosaics")
    .option("--project <folder>", "default: runs/val, runs/val-seg or runs/val-cls, after the task")
    .option("--name <name>", "folder of this run in the project; exp2, exp3, … where it exists", "exp")
    .option("--exist-ok", "write into that folder even where it exists")
    .optionsGroup("For val.py's users:")
    .option("--workers <n>", "nothing to set here; ignored", whole(0))
    .option("--save-hybrid", "not available: labels mixed into the predictions give misleading figures")
    .option("--dnn", "of OpenCV's ONNX reader; ignored")
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: ValFlags) =>
    start(flags, async (output) => (await import("../val/run.js")).runVal(flags, output)),
  );
}
