/** `yolov5 compress`: make a checkpoint smaller and faster, and say what it costs. */

import { type Command, Option } from "commander";
import type { CompressFlags } from "../compress/flags.js";
import { BACKEND_LIST, backend } from "../options/devices.js";
import { fraction, list, positive, whole } from "../options/values.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

/** As `PRUNING_CRITERIA`, repeated so that `--help` loads nothing of the engine. */
const CRITERIA = ["data", "bn", "l1", "l2"] as const;

const AFTER = `
Steps run in this order, each measured on --data: pruning of channels, re-estimation on calibration pictures, pruning of
weights, float16, int8. Pruned files are smaller networks that every command and backend runs. Nothing is trained here: a
pruned checkpoint becomes better still by fine-tuning it where it was trained (docs/optimising.md).

Examples:
  yolov5 compress --weights best.pt --data dataset.yaml                      only measures
  yolov5 compress --weights best.pt --data photos --prune 0.1 --output small.safetensors --report out.html
  yolov5 compress --weights best.pt --data photos --max-drop 2 --half        prunes until 2 points of mAP50-95 are gone
  yolov5 compress --weights best.pt --data photos --target-flops 0.8 --latency wasm webgpu
  yolov5 compress --weights best.pt --data photos --compare pruned-elsewhere.pt`;

export function defineCompress(program: Command, start: Start): void {
  const command = program
    .command("compress")
    .summary("prune, halve, quantize a checkpoint; a table of what was gained and lost")
    .description("Makes a checkpoint smaller and faster, and measures every step on your own pictures.")
    .optionsGroup("Model and data:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .requiredOption("--data <path>", "labelled pictures, as for val; calibration pictures are taken from them")
    .option("--images <folder>", "where the pictures of COCO's annotations are")
    .addOption(
      new Option("--task <split>", "which pictures of a description").choices(["train", "val", "test"]).default("val"),
    )
    .option("--imgsz <px>", "longer side of the input (default: 640)", whole(1, 16384))
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .optionsGroup("Pruning of channels (a smaller, faster network):")
    .option("--prune <share>", "share of the channels to remove, e.g. 0.1", fraction)
    .option("--target-flops <share>", "remove until this share of the operations is left, e.g. 0.8", fraction)
    .option("--max-drop <points>", "remove as much as so many points of mAP50-95 allow, e.g. 2", positive)
    .addOption(
      new Option(
        "--criterion <c>",
        "what a channel is worth: data (what the outputs lose, on calibration pictures), bn (BatchNorm scale), l1, l2 (norm of its filter)",
      )
        .choices(CRITERIA)
        .default("data"),
    )
    .addOption(
      new Option("--scope <s>", "the least important of the whole network, or the same share of every layer")
        .choices(["global", "layer"])
        .default("global"),
    )
    .option("--round <n>", "channels kept are multiples of this; kernels like 8", whole(1), 8)
    .optionsGroup("Other steps:")
    .option("--unstructured <share>", "zero the smallest weights: compresses better, runs no faster", fraction)
    .option("--half", "store as float16")
    .option("--int8", "int8 with calibration, as export --int8")
    .option("--calibration-images <n>", "pictures for re-estimation and int8, at most", whole(1), 32)
    .option("--calibration-data <path>", "where those pictures are, labels not needed (default: --data)")
    .optionsGroup("Results:")
    .option("--output <file>", "the last step as .safetensors")
    .option("--report <file>", "self-contained HTML: table, chart, example pictures")
    .option("--compare <w...>", "further checkpoints, measured in the same table", list(String))
    .option("--latency <b...>", `${BACKEND_LIST}: backends to time (default: --backend)`, list(backend))
    .option("--iterations <n>", "timed runs of each step", whole(1), 20)
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: CompressFlags) =>
    start(flags, async (output) => (await import("../compress/run.js")).runCompress(flags, output)),
  );
}
