/** `yolov5 verify`: this engine against PyTorch's recorded layers. */

import type { Command } from "commander";
import type { VerifyFlags } from "../options/flags.js";
import { positive } from "../options/values.js";
import { addCommonOptions, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
A reference holds one input picture (input_rgb_u8) and what PyTorch computed for it: layer.0, layer.1, …, head.i before
the sigmoid, prediction after decoding, proto for segmentation. Exit code 1 where a layer is beyond tolerance.

Example:
  yolov5 verify --weights yolov5n.pt --reference yolov5n.layers.safetensors --backend webgpu`;

export function defineVerify(program: Command, start: Start): void {
  const command = program
    .command("verify")
    .summary("compare every layer with PyTorch's recorded outputs")
    .description("Runs a model on a reference's input and compares every layer with what PyTorch computed.")
    .optionsGroup("Inputs:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .requiredOption("--reference <file>", "*.layers.safetensors")
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .option("--half", "float16 where the backend has it")
    .optionsGroup("Tolerances:")
    .option(
      "--tolerance <nmse>",
      "largest normalised mean squared error of a layer (default: what float32 rounding explains at its depth; 1e-4 in float16)",
      positive,
    )
    .option("--box-tolerance <px>", "largest difference of a box coordinate of prediction", positive, 0.01)
    .option("--score-tolerance <p>", "largest difference of a score of prediction", positive, 1e-4)
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: VerifyFlags) =>
    start(flags, async (output) => (await import("../verify/run.js")).runVerify(flags, output)),
  );
}
