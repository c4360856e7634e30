/** `yolov5 bench`: speed and memory. */

import { type Command, InvalidArgumentError } from "commander";
import { PEER_NAMES } from "../bench/peers/catalogue.js";
import { BACKEND_LIST, backend } from "../options/devices.js";
import type { BenchFlags } from "../options/flags.js";
import { batchSize, imageSize, list, positive, whole } from "../options/values.js";
import { TUNE_HELP } from "../tuning.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Times the network alone, from an input tensor in host memory to outputs in host memory. "cold" is the time from the
checkpoint's bytes to the first outputs; its stages are listed under the table, on GPUs together with the work submitted
per frame. Several weights and backends are interleaved, round by round. The input is seeded noise or a picture
(--source), never zeros. Outputs that are not finite fail the run. --peers runs other engines on the same weights (as ONNX)
and input, each in its own process; an engine whose outputs differ is not timed.

--pipeline measures what users wait for instead: whole "detect" processes on a folder, without and with annotated
pictures, in turn, as pictures per second, share of the CPU and peak memory. --peers adds onnxruntime-node with sharp
(bench/peers), --detect-py YOLOv5's own script.

Examples:
  yolov5 bench --weights yolov5n.pt
  yolov5 bench --weights random:yolov5s random:yolov5x --backend webgpu --half --iterations 200
  yolov5 bench --weights best.pt --backend webgpu cpu --layers --json bench.json
  yolov5 bench --weights yolov5n.pt --backend wasm --threads 2 --peers
  yolov5 bench --pipeline photos --weights yolov5n.pt --backend wasm --peers --detect-py ../yolov5`;

function peer(text: string): string {
  if (PEER_NAMES.includes(text)) return text;
  throw new InvalidArgumentError(`It is not one of ${PEER_NAMES.join(", ")}.`);
}

export function defineBench(program: Command, start: Start): void {
  const command = program
    .command("bench")
    .summary("measure speed and memory use")
    .description("Measures the speed and memory use of the network.")
    .optionsGroup("What:")
    .option("--weights <w...>", `${WEIGHTS_HELP} (default: random:yolov5n, with --pipeline yolov5n)`, list(String))
    .option(`--backend <b...>`, `${BACKEND_LIST} (default: auto)`, list(backend))
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .option("--imgsz <px...>", "input size: one number, or height width (default: 640; classification 224)", imageSize)
    .option("--batch-size <n>", "pictures per forward pass", batchSize, 1)
    .option("--half", "use float16 where the backend supports it")
    .option("--tune", TUNE_HELP)
    .option("--threads <n>", "threads for every CPU engine (default: one per core)", whole(1))
    .option("--source <picture>", "use this picture as input instead of noise")
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .optionsGroup("Duration:")
    .option("--iterations <n>", "timed runs (default: 30, with --pipeline 5)", whole(1))
    .option("--warmup <n>", "untimed runs before the timed ones", whole(0), 3)
    .option(
      "--seconds <s>",
      "time limit in seconds; stops early with fewer runs (default: 60, with --pipeline 600)",
      positive,
    )
    .optionsGroup("More:")
    .option("--layers", "list every node: kernel, ms, GFLOP/s, share of the total, and the device's lower bound")
    .option(
      "--peers [names...]",
      `also measure other engines installed in bench/peers: ${PEER_NAMES.join(", ")} (default: all comparable ones)`,
      list(peer),
    )
    .option("--pipeline <folder>", "measure whole jobs: detect on all pictures of a folder, process start included")
    .option("--detect-py <path>", "--pipeline: also measure detect.py of a YOLOv5 checkout (needs Python with PyTorch)")
    .addHelpText("after", AFTER);
  addCommonOptions(command, { backend: false }).action((flags: BenchFlags) =>
    start(flags, async (output) => (await import("../bench/run.js")).runBench(flags, output)),
  );
}
