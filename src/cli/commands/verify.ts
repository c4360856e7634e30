/** `yolov5 verify`: compares this engine with PyTorch's recorded layers. */

import type { Command } from "commander";
import type { VerifyFlags } from "../options/flags.js";
import { positive } from "../options/values.js";
import { addCommonOptions, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
A reference holds one input picture (input_rgb_u8) and the outputs PyTorch computed for it: layer.0, layer.1, …, head.i
before the sigmoid, prediction after decoding, and proto for segmentation. The exit code is 1 if a layer is beyond tolerance.

Example:
  yolov5 verify --weights yolov5n.pt --reference yolov5n.layers.safetensors --backend webgpu`;

export function defineVerify(program: Command, start: Start): void {
  const command = program
    .command("verify")
    .summary("compare every layer with PyTorch's recorded outputs")
    .description("Runs a model on a reference's input and compares every layer with PyTorch's output.")
    .optionsGroup("Inputs:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .requiredOption("--reference <file>", "*.layers.safetensors")
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .option("--half", "use float16 where the backend supports it")
    .optionsGroup("Tolerances:")
    .option(
      "--tolerance <nmse>",
      "maximum normalised mean squared error of a layer (default: what float32 rounding explains at its depth; 1e-4 in float16)",
      positive,
    )
    .option("--box-tolerance <px>", "maximum error of a box coordinate in prediction, in pixels", positive, 0.01)
    .option("--score-tolerance <p>", "maximum error of a score in prediction", positive, 1e-4)
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: VerifyFlags) =>
    start(flags, async (output) => (await import("../verify/run.js")).runVerify(flags, output)),
  );
}
