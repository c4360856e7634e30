/** `yolov5 export`: writes a checkpoint as safetensors or ONNX. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { CALIBRATION_METHODS } from "../../compress/quantize/ranges.js";
import type { ExportFlags, ExportFormat } from "../options/flags.js";
import { batchSize, fraction, imageSize, list, percentile, positive, whole } from "../options/values.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
A safetensors file holds the tensors under PyTorch's names (safetensors.torch.load_file reads them) and, in its metadata,
the module tree, class names, strides and anchors. Every command accepts it as --weights and finds the same boxes.

--int8 stores convolutions with one byte per weight, and the activation ranges found on the pictures of --data (a folder
or a .txt list). The wasm backend runs such a file in integers, webgpu in float32.

An ONNX file (opset 13, float32, BatchNorm folded, boxes decoded, one input size) is for use in other engines. With --int8
its weights are int8 and its activations rounded to bytes, as QuantizeLinear and DequantizeLinear.

Examples:
  yolov5 export --weights best.pt                       writes best.safetensors
  yolov5 export --weights best.pt --half --output small.safetensors
  yolov5 export --weights best.pt --int8 --data photos   writes best-int8.safetensors
  yolov5 export --weights best.pt --include onnx --imgsz 416 640
  yolov5 export --weights best.pt --include onnx --int8 --data photos`;

function format(text: string): ExportFormat {
  if (text === "safetensors" || text === "onnx") return text;
  throw new InvalidArgumentError(
    "Available formats are safetensors and onnx; convert the ONNX file with other tools for anything else.",
  );
}

export function defineExport(program: Command, start: Start): void {
  const command = program
    .command("export")
    .summary("write a checkpoint as .safetensors or .onnx")
    .description("Writes a checkpoint as .safetensors, which every command can load, or as .onnx for other engines.")
    .optionsGroup("Options:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .option("--include <format...>", "safetensors, onnx (default: safetensors)", list(format))
    .option("--output <file>", "file to write (default: the checkpoint's name with the format's extension)")
    .option("--exist-ok", "replace that file if it exists")
    .option("--half", "safetensors: store weights as float16 (default: the checkpoint's own types)")
    .option(
      "--imgsz <px...>",
      "onnx, int8: input size in pixels, one number or height width (default: 640; classification 224)",
      imageSize,
    )
    .option("--batch-size <n>", "onnx: pictures per forward pass", batchSize, 1)
    .option(
      "--int8",
      "quantize to int8, calibrated on the pictures of --data; in onnx as QuantizeLinear and DequantizeLinear",
    )
    .option("--data <folder>", "int8: pictures like those the model will see; labels are not needed")
    .addOption(
      new Option(
        "--calibration <how>",
        "int8: how the range of activations covered by 256 steps is chosen (default: percentile)",
      ).choices(CALIBRATION_METHODS),
    )
    .option(
      "--calibration-images <n>",
      "int8: maximum number of pictures, spread over the folder (default: 128)",
      whole(1),
    )
    .option("--max-pixels <n>", `int8: ${MAX_PIXELS_HELP}`, whole(1))
    .option("--percentile <p>", "int8: percentage of values kept on each side, 50 to 100 (default: 99.999)", percentile)
    .option("--int8-head", "int8: the last layers of a head with anchors read bytes too: faster; measure the result")
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .optionsGroup("For export.py's users:")
    .option("--opset <n>", "ONNX files are always written with opset 13", whole(1))
    .option("--dynamic", "not available; export one ONNX file for each --imgsz and --batch-size")
    .option("--simplify", "ignored: always done")
    .option("--inplace", "ignored: nothing to set here")
    .option("--optimize", "ignored: only for TorchScript")
    .option("--verbose", "ignored: only for TensorRT")
    .option("--workspace <gb>", "ignored: only for TensorRT", positive)
    .option("--keras", "ignored: only for TensorFlow")
    .option("--nms", "ignored: only for TensorFlow, like the options below")
    .option("--agnostic-nms", "as --nms")
    .option("--topk-per-class <n>", "as --nms", whole(1))
    .option("--topk-all <n>", "as --nms", whole(1))
    .option("--iou-thres <p>", "as --nms", fraction)
    .option("--conf-thres <p>", "as --nms", fraction)
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: ExportFlags) =>
    start(flags, async (output) => (await import("../export/export.js")).runExport(flags, output)),
  );
}
