/** `yolov5 val`: the flags of val.py v7.0 with its defaults, and a few more. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { addSliceOptions } from "../options/slices.js";
import { batchSize, fraction, list, whole } from "../options/values.js";
import { RESUME_HELP, SHARD_HELP, shardFlag } from "../shards/shardOption.js";
import { TUNE_HELP } from "../tuning.js";
import type { ValFlags } from "../val/flags.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Data sets: a folder with images/ and labels/ (one .txt per picture, "class x y w h" divided by its size), an Ultralytics
.yaml (path, val, names), a .txt list of pictures, a .json of COCO or Label Studio, CVAT's .xml, or Pascal VOC's
Annotations/*.xml. For classification models, a folder with val/<class>/<pictures>. A picture without a label file counts as background.

Examples:
  yolov5 val --weights best.pt --data dataset.yaml
  yolov5 val --weights yolov5n.pt --data coco/annotations/instances_val2017.json --images coco/val2017 --save-json
  yolov5 val --weights best.pt --data photos --imgsz 320 --verbose --json -
  yolov5 val --weights yolov5s-cls.pt --data imagenette`;

const TASKS = ["train", "val", "test", "speed"] as const;

function task(text: string): ValFlags["task"] {
  const found = TASKS.find((name) => name === text);
  if (found) return found;
  const study =
    text.toLowerCase() === "study" ? " For a study, run val once for each --imgsz and keep its --json." : "";
  throw new InvalidArgumentError(`Allowed choices are ${TASKS.join(", ")}.${study}`);
}

export function defineVal(program: Command, start: Start): void {
  const command = program
    .command("val")
    .summary("measure precision, recall and mAP on a labelled data set")
    .description("Measures a model on a labelled data set, as val.py of YOLOv5 v7.0 does.")
    .optionsGroup("Model and data:")
    .option("--weights <w...>", `${WEIGHTS_HELP}; several make an ensemble (default: codes)`, list(String))
    .requiredOption("--data <path>", "the data set; see below")
    .option("--images <folder>", "folder of the pictures that annotations of other tools refer to")
    .addOption(
      new Option(
        "--task <split>",
        "which split of a .yaml data set to use: train, val or test; speed is val with speed settings (square, conf .25, iou .45)",
      )
        .argParser(task)
        .default("val"),
    )
    .option("--imgsz <px>", "longer side of the input in pixels (default: 640; classification 224)", whole(1, 16384))
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option("--batch-size <n>", "pictures that share an input shape; the default is val.py's", batchSize, 32)
    .option("--forward-batch <n>", "pictures per forward pass; affects speed only", batchSize, 1)
    .option(
      "--workers <n>",
      "detection and segmentation on the CPU: threads that each do whole pictures, with the same figures whatever their number; 0: one picture after the other, each on all threads (default: one per core)",
      whole(0, 256),
    )
    .option("--shard <i/n>", SHARD_HELP.replace("parts of the pictures", "parts of the batches"), shardFlag)
    .option("--resume", RESUME_HELP)
    .option("--half", "use float16 where the backend supports it")
    .option("--tune", TUNE_HELP)
    .option("--augment", "test-time augmentation: three scales, one of them mirrored (detection only)");
  addSliceOptions(command)
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .optionsGroup("Measuring:")
    .option("--conf-thres <p>", "minimum confidence, 0 to 1 (also --conf; default: 0.001)", fraction)
    .option(
      "--iou-thres <p>",
      "IoU above which NMS drops the weaker box, 0 to 1 (also --iou; default: 0.6; YOLOv5u, v8, 11: 0.7)",
      fraction,
    )
    .option("--max-det <n>", "maximum number of boxes per picture (default: 300)", whole(1))
    .option(
      "--as-detect",
      "look at pictures as detect does: its input, one class for each box, its defaults of --conf-thres, --iou-thres and --max-det",
    )
    .addOption(
      new Option(
        "--ap <definition>",
        "average precision as val.py computes it, 0.995 at most, or as COCO does, 1 at most (default: yolov5)",
      ).choices(["yolov5", "coco"]),
    )
    .option("--single-cls", "treat all classes as one")
    .option("--verbose", "print a row per class even with 50 classes or more")
    .optionsGroup("Results:")
    .option("--save-json", "write <weights>_predictions.json in COCO's results format")
    .option("--save-txt", "write labels/<picture>.txt: class x y w h, normalised")
    .option("--save-conf", "append the confidence to each line of --save-txt")
    .option("--noplots", "do not draw curves, the confusion matrix and mosaics")
    .option(
      "--project <folder>",
      "parent folder of runs (default: runs/val, runs/val-seg or runs/val-cls, depending on the task)",
    )
    .option("--name <name>", "folder of this run in the project; exp2, exp3, … if it exists", "exp")
    .option("--exist-ok", "write into that folder even if it exists")
    .optionsGroup("For val.py's users:")
    .option("--save-hybrid", "not available: mixing labels into the predictions makes the figures misleading")
    .option("--dnn", "ignored: only for OpenCV's ONNX reader")
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: ValFlags) =>
    start(flags, async (output) => (await import("../val/run.js")).runVal(flags, output)),
  );
}
