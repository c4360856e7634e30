/** `yolov5 compress`: makes a checkpoint smaller and faster, and reports what that costs. */

import { type Command, Option } from "commander";
import type { CompressFlags } from "../compress/flags.js";
import { BACKEND_LIST, backend } from "../options/devices.js";
import { blockSize, fraction, list, positive, sparsity, whole } from "../options/values.js";
import { RESUME_HELP, SHARD_HELP, shardFlag } from "../shards/shardOption.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

/** Same as `PRUNING_CRITERIA`; repeated so that `--help` does not load the engine. */
const CRITERIA = ["data", "bn", "l1", "l2"] as const;

const AFTER = `
Steps run in this order, each measured on --data: channel pruning, re-estimation on calibration pictures, factoring of
convolutions, weight pruning, recovery, float16, int8. Pruned files are smaller networks that every command and backend can run. With --recover
the pruned network is trained to give what the unpruned one gives: without labels, on WebGPU or the CPU; weights that were
set to zero stay zero. With --int8 it is then trained as int8 rounds it, and the better one is written (docs/optimising.md).

Examples:
  yolov5 compress --weights best.pt --data dataset.yaml                      measure only
  yolov5 compress --weights best.pt --data photos --prune 0.1 --output small.safetensors --report out.html
  yolov5 compress --weights best.pt --data photos --max-drop 2 --half        prune until 2 points of mAP50-95 are lost
  yolov5 compress --weights best.pt --data photos --target-flops 0.8 --latency wasm webgpu
  yolov5 compress --weights best.pt --data photos --low-rank 0.8 --output small.safetensors
  yolov5 compress --weights best.pt --data photos --target-flops 0.8 --recover --recover-data more-photos
  yolov5 compress --weights best.pt --data photos --target-flops 0.6 --recover --recover-rounds 3 --recover-minutes 60
  yolov5 compress --weights best.pt --data photos --compare pruned-elsewhere.pt`;

export function defineCompress(program: Command, start: Start): void {
  const command = program
    .command("compress")
    .summary("prune, halve or quantize a checkpoint, and show what was gained and lost")
    .description("Makes a checkpoint smaller and faster, and measures every step on your own pictures.")
    .optionsGroup("Model and data:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .requiredOption("--data <path>", "labelled pictures, as for val; calibration pictures are taken from them too")
    .option("--images <folder>", "folder of the pictures that annotations of other tools refer to")
    .addOption(
      new Option("--task <split>", "which split of a .yaml data set to use")
        .choices(["train", "val", "test"])
        .default("val"),
    )
    .option("--imgsz <px>", "longer side of the input in pixels (default: 640)", whole(1, 16384))
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .option(
      "--shard <i/n>",
      SHARD_HELP.replace(
        "do only the i-th of n parts of the pictures",
        "perform all steps, but measure only the i-th of n parts of the batches",
      ),
      shardFlag,
    )
    .option("--resume", RESUME_HELP)
    .optionsGroup("Channel pruning (a smaller, faster network):")
    .option("--prune <share>", "fraction of the channels to remove, e.g. 0.1", fraction)
    .option("--target-flops <share>", "prune until this fraction of the operations is left, e.g. 0.8", fraction)
    .option(
      "--max-drop <points>",
      "prune as much as possible without losing more than this many points of mAP50-95, e.g. 2",
      positive,
    )
    .addOption(
      new Option(
        "--criterion <c>",
        "how channels are ranked: data (effect on the outputs, on calibration pictures), bn (BatchNorm scale), l1 or l2 (norm of the filter)",
      )
        .choices(CRITERIA)
        .default("data"),
    )
    .addOption(
      new Option(
        "--scope <s>",
        "remove the least important channels of the whole network, or the same fraction of every layer",
      )
        .choices(["global", "layer"])
        .default("global"),
    )
    .option("--round <n>", "keep a multiple of this many channels; kernels run best with 8", whole(1), 8)
    .optionsGroup("Low rank (convolutions replaced by two smaller ones, after pruning):")
    .option(
      "--low-rank <share>",
      "factor convolutions until this fraction of the original's operations is left, e.g. 0.8; alone or after pruning",
      fraction,
    )
    .optionsGroup("Recovery (training without labels, after pruning and after int8):")
    .option("--recover", "train the network to give what the original one gives, on your own pictures")
    .option("--recover-minutes <m>", "how long to train (default: 30)", positive)
    .option(
      "--recover-steps <n>",
      "train so many steps of four pictures instead: the same result on every run",
      whole(1),
    )
    .option(
      "--recover-rounds <n>",
      "prune and train so many times, an equal part of the channels or operations and of the training each (default: 1)",
      whole(1, 100),
    )
    .option(
      "--recover-data <path>",
      "folder or list of pictures to train on, labels not needed (default: --calibration-data)",
    )
    .option("--recover-labels", "learn from the labels of those pictures too, where the head has anchors")
    .option(
      "--recover-features <w>",
      "compare what the neck gives the head too, with this weight, e.g. 0.1 (default: compare the head's maps alone)",
      positive,
    )
    .option(
      "--recover-rate <r>",
      "learning rate, relative to the size of each tensor (default: 0.002; after --low-rank 0.0005)",
      positive,
    )
    .option("--recover-state <file>", "keep the run in this file, and go on from it where it exists")
    .optionsGroup("Other steps:")
    .option(
      "--unstructured <share>",
      "set this fraction of the weights to zero, smallest first, or of each 4 input channels all but 2 with 2:4 (any n:m); the file compresses better but runs no faster",
      sparsity,
    )
    .option(
      "--block <o x i>",
      "set whole blocks of output × input channels to zero, e.g. 1x4; --unstructured says what fraction of them",
      blockSize,
    )
    .option("--half", "store weights as float16")
    .option("--int8", "quantize to int8 with calibration, as export --int8 does")
    .option("--int8-head", "int8: the last layers of a head with anchors read bytes too: faster")
    .option("--calibration-images <n>", "maximum number of pictures for re-estimation and int8", whole(1), 32)
    .option("--calibration-data <path>", "folder or list of those pictures, labels not needed (default: --data)")
    .optionsGroup("Results:")
    .option("--output <file>", "write the result of the last step to this .safetensors file")
    .option("--report <file>", "write a self-contained HTML report: table, charts, example pictures")
    .option("--compare <w...>", "also measure these checkpoints, in the same table", list(String))
    .option("--latency <b...>", `backends to time: ${BACKEND_LIST} (default: --backend)`, list(backend))
    .option("--iterations <n>", "timed runs per step", whole(1), 20)
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: CompressFlags) =>
    start(flags, async (output) => (await import("../compress/run.js")).runCompress(flags, output)),
  );
}
