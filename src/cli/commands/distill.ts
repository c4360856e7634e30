/** `yolov5 distill`: trains a small network to give what a large one gives, without labels. */

import { type Command, Option } from "commander";
import type { DistillFlags } from "../distill/flags.js";
import { positive, whole } from "../options/values.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Both networks must find boxes of the same classes, with the same anchors and strides; width, depth and blocks may differ.
Random weights get the teacher's classes, names and anchors. Ctrl-C writes the best student so far. docs/optimising.md says
what to expect.

Examples:
  yolov5 distill --teacher best.pt --student pruned.pt --data photos --minutes 30 --output student.safetensors
  yolov5 distill --teacher yolov5s.pt --student yolov5n.pt --data photos --state run.state --report out.html
  yolov5 distill --teacher best.pt --student random:yolov5n --data photos --imgsz 320 --minutes 300`;

export function defineDistill(program: Command, start: Start): void {
  const command = program
    .command("distill")
    .summary("train a small network to give what a large one gives, without labels")
    .description(
      "Trains a student to give what its teacher gives, on your own pictures, without labels or with them in addition.",
    )
    .optionsGroup("Models and data:")
    .requiredOption("--teacher <w>", WEIGHTS_HELP)
    .requiredOption("--student <w>", "weights to start from, in the same forms")
    .requiredOption(
      "--data <path>",
      "folder or list of pictures to train on, or a data set as for val; labels are read only for --labels",
    )
    .option("--images <folder>", "folder of the pictures that annotations of other tools refer to")
    .addOption(
      new Option("--task <split>", "which split of a .yaml data set to use")
        .choices(["train", "val", "test"])
        .default("train"),
    )
    .option("--imgsz <px>", "longer side of the student's input in pixels (default: 640)", whole(1, 16384))
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .optionsGroup("Training:")
    .option("--minutes <m>", "how long to train (default: 30)", positive)
    .option("--steps <n>", "train so many steps of four pictures instead: the same result on every run", whole(1))
    .option("--labels", "learn from the labels of --data too, where heads have anchors")
    .option(
      "--features <w>",
      "compare what the necks give their heads too, with this weight, e.g. 0.1 (default: compare the heads' maps alone)",
      positive,
    )
    .option(
      "--rate <r>",
      "learning rate, relative to the size of each tensor (default: 0.002; for random weights 0.01)",
      positive,
    )
    .option("--state <file>", "keep the run in this file, and go on from it where it exists")
    .optionsGroup("Results:")
    .option("--output <file>", "name of the student's .safetensors file (default: distilled.safetensors)")
    .option(
      "--exist-ok",
      "replace an existing distilled.safetensors; without it, only files named with --output are replaced",
    )
    .option("--report <file>", "write a self-contained HTML report: table and learning curves")
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: DistillFlags) =>
    start(flags, async (output) => (await import("../distill/run.js")).runDistill(flags, output)),
  );
}
