/** Options that every command has, and how a command starts. */

import type { Command } from "commander";
import { VERSION } from "../../version.js";
import type { FileFlags } from "../files/destinations.js";
import { BACKEND_LIST, backend, type DeviceChoice, device } from "../options/devices.js";
import type { CommonFlags } from "../options/flags.js";
import { whole } from "../options/values.js";
import type { Output } from "../output.js";

export type { CommonFlags };

/** Gives the exit code. */
export type Runner = (output: Output) => Promise<number>;
/** Runs a command with its output, its errors printed. */
export type Start = (flags: Omit<CommonFlags, "backend"> & FileFlags, runner: Runner) => Promise<void>;

export const WEIGHTS_HELP =
  "path, URL, released name (yolov5n, downloaded once), codes (the embedded model) or random:yolov5s";

export const MAX_PIXELS_HELP = "most pixels of a picture file; decoding takes up to 12 bytes each (default: 67108864)";

/** Adds the common options, grouped last; `backend: false` for a command that has its own --backend. */
export function addCommonOptions(command: Command, { backend: withBackend = true } = {}): Command {
  command.optionsGroup("Common:");
  if (withBackend) {
    command.option(
      "--backend <name>",
      `${BACKEND_LIST}: what runs the network; auto takes WebGPU on a hardware adapter, else wasm, else cpu (the slow reference)`,
      backend,
      "auto",
    );
    command.option("--threads <n>", "threads of the wasm backend (default: one a core, eight at most)", whole(1));
  }
  addDeviceOption(command, !withBackend);
  return command
    .option("--json <file>", "write the results as JSON; - for standard output, human text then goes to standard error")
    .option("--quiet", "no human text but warnings and errors")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help");
}

/** `--device` sets the backend; of it and `--backend` the last one counts. */
function addDeviceOption(command: Command, severalBackends: boolean): void {
  command.option(
    "--device <d>",
    "as for detect.py: cpu (runs on wasm), a GPU (0, cuda:0, mps: webgpu), or one of these backends",
    device,
  );
  command.on("option:device", () => {
    const { backend: chosen } = command.getOptionValue("device") as DeviceChoice;
    command.setOptionValue("backend", severalBackends ? [chosen] : chosen);
  });
  command.on("option:backend", () => command.setOptionValue("device", undefined));
}
