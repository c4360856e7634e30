/** `yolov5 export`: a checkpoint as safetensors or ONNX. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { CALIBRATION_METHODS } from "../../compress/quantize/ranges.js";
import type { ExportFlags, ExportFormat } from "../options/flags.js";
import { batchSize, fraction, imageSize, list, percentile, positive, whole } from "../options/values.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
A safetensors file holds the tensors under PyTorch's names (safetensors.torch.load_file reads them) and, in its metadata, the module
tree, class names, strides and anchors. Every command takes it as --weights and gives the same boxes.

--int8 stores convolutions in a byte a weight, with the ranges of activations found on the pictures of --data (a folder, or
a .txt list). wasm computes such a file in integers, other backends in float32.

An ONNX file (opset 13, float32, BatchNorm folded, boxes decoded, for one input size) is for other engines.

Examples:
  yolov5 export --weights best.pt                       writes best.safetensors
  yolov5 export --weights best.pt --half --output small.safetensors
  yolov5 export --weights best.pt --int8 --data photos   writes best-int8.safetensors
  yolov5 export --weights best.pt --include onnx --imgsz 416 640`;

function format(text: string): ExportFormat {
  if (text === "safetensors" || text === "onnx") return text;
  throw new InvalidArgumentError(
    "This engine writes safetensors and onnx; other formats are made from the ONNX file by their own tools.",
  );
}

export function defineExport(program: Command, start: Start): void {
  const command = program
    .command("export")
    .summary("write a checkpoint as .safetensors or .onnx")
    .description("Writes a checkpoint as .safetensors, which every command loads again, or as .onnx for other engines.")
    .optionsGroup("Options:")
    .requiredOption("--weights <w>", WEIGHTS_HELP)
    .option("--include <format...>", "safetensors, onnx (default: safetensors)", list(format))
    .option("--output <file>", "default: the checkpoint's name with the format's ending")
    .option("--exist-ok", "replace that file where it exists")
    .option("--half", "safetensors: float16 storage (default: the checkpoint's own types)")
    .option(
      "--imgsz <px...>",
      "onnx, int8: input size, one number or height width (default: 640; classification 224)",
      imageSize,
    )
    .option("--batch-size <n>", "onnx: pictures in one forward pass", batchSize, 1)
    .option("--int8", "safetensors: int8 after calibration on the pictures of --data")
    .option("--data <folder>", "int8: pictures as the model will see them; labels are not needed")
    .addOption(
      new Option(
        "--calibration <how>",
        "int8: the range of activations that 256 steps cover (default: percentile)",
      ).choices(CALIBRATION_METHODS),
    )
    .option("--calibration-images <n>", "int8: pictures at most, spread over the folder (default: 128)", whole(1))
    .option("--max-pixels <n>", `int8: ${MAX_PIXELS_HELP}`, whole(1))
    .option("--percentile <p>", "int8: share of values kept on each side, 50 to 100 (default: 99.999)", percentile)
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .optionsGroup("For export.py's users:")
    .option("--opset <n>", "ONNX files have opset 13", whole(1))
    .option("--dynamic", "not available; one ONNX file for each --imgsz and --batch-size")
    .option("--simplify", "always done; ignored")
    .option("--inplace", "nothing to set here; ignored")
    .option("--optimize", "of TorchScript; ignored")
    .option("--verbose", "of TensorRT; ignored")
    .option("--workspace <gb>", "of TensorRT; ignored", positive)
    .option("--keras", "of TensorFlow; ignored")
    .option("--nms", "of TensorFlow; ignored, as are those below")
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
