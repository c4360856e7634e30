/** `yolov5 export`: a checkpoint as safetensors. */

import { type Command, InvalidArgumentError } from "commander";
import type { ExportFlags } from "../flags.js";
import { list } from "../values.js";
import { addCommonOptions, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
The file holds the tensors under PyTorch's names (safetensors.torch.load_file reads them) and, in its metadata, the module
tree, class names, strides and anchors. Every command takes it as --weights and gives the same boxes.

Examples:
  yolov5 export --weights best.pt                       writes best.safetensors
  yolov5 export --weights best.pt --half --output small.safetensors`;

function format(text: string): string {
  if (text !== "safetensors") throw new InvalidArgumentError("This engine writes safetensors.");
  return text;
}

export function defineExport(program: Command, start: Start): void {
  const command = program
    .command("export")
    .summary("write a checkpoint as .safetensors")
    .description("Writes a checkpoint as .safetensors, which every command loads again.")
    .optionsGroup("Options:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .option("--include <format...>", "what to write; this engine writes safetensors", list(format))
    .option("--output <file>", "default: the checkpoint's name with .safetensors")
    .option("--half", "float16 storage (default: the checkpoint's own types)")
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: ExportFlags) =>
    start(flags, async (output) => (await import("../export.js")).runExport(flags, output)),
  );
}
