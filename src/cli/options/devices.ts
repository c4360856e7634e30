/** Values of `--backend` and `--device`: this engine's backends, and the device names that PyTorch users know. */

import { InvalidArgumentError } from "commander";
import { BACKEND_CHOICES, type BackendChoice } from "../../runtime/backendNames.js";

export const BACKEND_LIST = BACKEND_CHOICES.join("|");

/** How `--device` was understood. */
export interface DeviceChoice {
  readonly backend: BackendChoice;
  /** True if a GPU was requested, rather than a backend by name. */
  readonly gpu: boolean;
  /** A note if the effect differs from what the value suggests. */
  readonly note?: string;
}

/** `cuda`, `cuda:1`, `1`, `0,1`, `cuda:0,cuda:1`, `mps`, `mps:0`, `gpu`. */
const GPU = /^(?:gpu|(?:cuda|mps)(?::\d+)?|(?:cuda:)?\d+(?:,(?:cuda:)?\d+)*)$/;

const clean = (text: string): string => text.toLowerCase().replace(/\s+/g, "");

function named(name: string): BackendChoice | undefined {
  return name === "" ? "auto" : BACKEND_CHOICES.find((choice) => choice === name);
}

/** Parses a value of `--backend`: a backend's name. Any GPU name means WebGPU. */
export function backend(text: string): BackendChoice {
  const name = clean(text);
  const found = named(name) ?? (GPU.test(name) ? "webgpu" : undefined);
  if (found) return found;
  throw new InvalidArgumentError(`It is not one of ${BACKEND_CHOICES.join(", ")}.`);
}

/**
 * Parses a value of `--device` as detect.py's users mean it: `cpu` is the fast CPU backend, not the reference that
 * `--backend cpu` selects. GPUs run on WebGPU, which picks the adapter itself.
 */
export function device(text: string): DeviceChoice {
  const name = clean(text);
  if (name === "cpu") {
    return {
      backend: "wasm",
      gpu: false,
      note: "--device cpu: runs on wasm, the fast CPU backend; the slow reference is --backend cpu",
    };
  }
  const found = named(name === "none" ? "" : name);
  if (found) return { backend: found, gpu: false };
  if (!GPU.test(name)) {
    throw new InvalidArgumentError(
      `It is not a device. Use cpu, a GPU (0, cuda:0, mps), or one of the backends ${BACKEND_CHOICES.join(", ")}.`,
    );
  }
  const cards = name.match(/\d+/g) ?? [];
  if (cards.length > 1) {
    return { backend: "webgpu", gpu: true, note: `--device ${text.trim()}: runs on a single GPU, chosen by WebGPU` };
  }
  const other = cards.some((number) => Number(number) > 0);
  const note = `--device ${text.trim()}: runs on webgpu, which chooses the GPU itself; the number is ignored`;
  return { backend: "webgpu", gpu: true, ...(other ? { note } : {}) };
}
