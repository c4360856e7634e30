/** `yolov5 serve`: models over HTTP and gRPC. */

import { type Command, Option } from "commander";
import { BACKEND_LIST, backend } from "../options/devices.js";
import { list, positive, whole } from "../options/values.js";
import type { ServeFlags } from "../serve/flags.js";
import { addDeviceOption, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Requests:
  curl --data-binary @bus.jpg http://127.0.0.1:8000/detect                       the JSON of detect
  curl --data-binary @bus.jpg "http://127.0.0.1:8000/detect?annotate=jpeg&conf=0.4" -o found.jpg
  curl -F a=@a.jpg -F b=@b.jpg http://127.0.0.1:8000/detect                      several pictures
There is a page to try it at /, the description is at /openapi.json, metrics at /metrics, health at /v2/health/live and
/v2/health/ready. /v2 and --grpc-port speak the Open Inference Protocol, as Triton and KServe do.

Examples:
  yolov5 serve --weights best.pt
  yolov5 serve --weights yolov5n.pt people@2=best.pt --grpc-port 8001     two models, one with a name and a version
  YOLOV5_API_KEY=secret yolov5 serve --weights best.pt --host 0.0.0.0`;

export function defineServe(program: Command, start: Start): void {
  const command = program
    .command("serve")
    .summary("answer requests over HTTP and gRPC")
    .description(
      "Answers requests over HTTP and gRPC: POST /detect, and the Open Inference Protocol (V2) under /v2. Needs the optional packages fastify and prom-client, for gRPC @grpc/grpc-js and @grpc/proto-loader.",
    )
    .optionsGroup("Models:")
    .option(
      "--weights <w...>",
      `${WEIGHTS_HELP}; give several for several models; NAME=FILE or NAME@VERSION=FILE names one (default: codes)`,
      list(String),
    )
    .option("--half", "use float16 where the backend supports it")
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .option("--data <yaml>", "data set .yaml with class names, for checkpoints without any")
    .optionsGroup("Where:")
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .option("--port <n>", "port; 0 for any free one", whole(0, 65535), 8000)
    .option("--grpc-port <n>", "port of the gRPC service (default: none)", whole(0, 65535))
    .option("--api-key <key>", "key that requests must carry (better set in the environment, as YOLOV5_API_KEY)")
    .optionsGroup("Throughput:")
    .option(
      "--workers <n>",
      "threads that each compute whole pictures; 0: one picture after the other, each on all threads (default: one per core on the CPU, 0 on GPUs)",
      whole(0, 256),
    )
    .option(
      "--max-batch <n>",
      "maximum number of pictures per forward pass (default: 8 on GPUs, 1 on the CPU)",
      whole(1, 4096),
    )
    .option("--max-delay <ms>", "how long a picture may wait for others to fill its batch", whole(0, 60_000), 0)
    .optionsGroup("Limits:")
    .option("--max-queue <n>", "pictures that may wait; further requests get 429", whole(1), 64)
    .option("--timeout <s>", "seconds from a request's last byte to its answer; then 504", positive, 30)
    .option("--read-timeout <s>", "seconds for a request's body; then 408", positive, 30)
    .option("--max-body <MiB>", "largest request body", positive, 64)
    .option("--max-pixels <n>", MAX_PIXELS_HELP.replace(/\s*\(default: \d+\)/, ""), whole(1), 2 ** 25)
    .option("--max-imgsz <px>", "largest input size that requests may ask for (default: 1280)", whole(1, 16384))
    .optionsGroup("Stopping:")
    .option(
      "--drain-delay <s>",
      "seconds for which requests are still accepted after SIGTERM, while ready says no",
      seconds,
      0,
    )
    .option("--drain-timeout <s>", "seconds that accepted requests then have to finish", seconds, 30)
    .optionsGroup("Common:")
    .addOption(
      new Option("--log-level <l>", "one JSON line per request on standard output")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .option(
      "--backend <name>",
      `${BACKEND_LIST}: what runs the network; auto picks WebGPU on a hardware adapter, else wasm, else cpu`,
      backend,
      "auto",
    )
    .option(
      "--threads <n>",
      "threads of the wasm backend with --workers 0, otherwise the maximum number of workers",
      whole(1),
    );
  addDeviceOption(command);
  command
    .option("--quiet", "print only warnings and errors")
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", AFTER)
    .action((flags: ServeFlags) =>
      start(flags, async (output) => (await import("../serve/run.js")).runServe(flags, output)),
    );
}

/** 0 is allowed. */
function seconds(text: string): number {
  return text.trim() === "0" ? 0 : positive(text);
}
