/** `yolov5 info`: shows what is in a checkpoint. */

import type { Command } from "commander";
import type { InfoFlags } from "../options/flags.js";
import { imageSize } from "../options/values.js";
import { addCommonOptions, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Examples:
  yolov5 info --weights best.pt
  yolov5 info --weights yolov5n.pt --layers
  yolov5 info --weights random:yolov5x6 --imgsz 1280 --memory --backend webgpu`;

export function defineInfo(program: Command, start: Start): void {
  const command = program
    .command("info")
    .summary("show a checkpoint's task, classes, layers, parameters and GFLOPs")
    .description("Shows what is in a checkpoint.")
    .optionsGroup("Model:")
    .option("--weights <w>", `${WEIGHTS_HELP} (default: codes)`)
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .option(
      "--imgsz <px...>",
      "input size in pixels for GFLOPs, shapes and memory (default: 640; classification 224)",
      imageSize,
    )
    .option("--half", "for --memory: use float16 where the backend supports it")
    .optionsGroup("More:")
    .option("--layers", "list all layers: from, type, output shape, parameters")
    .option("--memory", "show the device memory that one picture of that size needs on the chosen backend")
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: InfoFlags) =>
    start(flags, async (output) => (await import("../info/run.js")).runInfo(flags, output)),
  );
}
