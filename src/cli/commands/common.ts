/** Options shared by every command, and how a command starts. */

import type { Command } from "commander";
import { VERSION } from "../../version.js";
import type { FileFlags } from "../files/destinations.js";
import { BACKEND_LIST, backend, type DeviceChoice, device } from "../options/devices.js";
import type { CommonFlags } from "../options/flags.js";
import { whole } from "../options/values.js";
import type { Output } from "../output.js";

/** Returns the exit code. */
type Runner = (output: Output) => Promise<number>;
/** Runs a command with its output and prints its errors. */
export type Start = (flags: Omit<CommonFlags, "backend"> & FileFlags, runner: Runner) => Promise<void>;

export const WEIGHTS_HELP =
  "path or URL of a .pt, .safetensors or .onnx file, released name (yolov5n, yolo11n, downloaded once), codes (the embedded model) or random:yolov5s (random weights)";

export const MAX_PIXELS_HELP =
  "refuse pictures with more pixels than this; decoding takes up to 12 bytes per pixel (default: 67108864)";

export const WORKERS_HELP =
  "for many pictures on the CPU: threads that each do whole pictures, with the same results whatever their number; 0: one picture after the other, each on all threads (default: one per core for 12 pictures or more and for videos)";

/**
 * Adds the common options, grouped last; `backend: false` for a command that has its own --backend, `device: false` for one
 * that computes nothing.
 */
export function addCommonOptions(
  command: Command,
  { backend: withBackend = true, device: withDevice = true } = {},
): Command {
  command.optionsGroup("Common:");
  if (withBackend) {
    command.option(
      "--backend <name>",
      `${BACKEND_LIST}: what runs the network; auto picks WebGPU on a hardware adapter, else wasm, else cpu (the slow reference)`,
      backend,
      "auto",
    );
    command.option("--threads <n>", "threads of the wasm backend (default: one per core, at most eight)", whole(1));
  }
  if (withDevice) addDeviceOption(command, !withBackend);
  return command
    .option(
      "--json <file>",
      "write the results as JSON; with - to standard output, and all other text to standard error",
    )
    .option("--quiet", "print only warnings and errors")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help");
}

/** `--device` sets the backend; if `--backend` is given too, the last one wins. */
export function addDeviceOption(command: Command, severalBackends = false): void {
  command.option(
    "--device <d>",
    "as in detect.py: cpu (runs on wasm), a GPU (0, cuda:0, mps; runs on webgpu), or the name of a backend",
    device,
  );
  command.on("option:device", () => {
    const { backend: chosen } = command.getOptionValue("device") as DeviceChoice;
    command.setOptionValue("backend", severalBackends ? [chosen] : chosen);
  });
  command.on("option:backend", () => command.setOptionValue("device", undefined));
}
