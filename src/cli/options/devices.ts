/** What `--backend` and `--device` mean: this engine's backends, and the devices that PyTorch's users name. */

import { InvalidArgumentError } from "commander";
import type { BackendChoice } from "../../runtime/backend.js";

/** As `BACKEND_CHOICES` of node/backends.ts, repeated so that `--help` loads nothing of the engine. */
const BACKENDS: readonly BackendChoice[] = ["auto", "webgpu", "wasm", "cpu", "gpujs"];
export const BACKEND_LIST = BACKENDS.join("|");

/** What `--device` was taken for. */
export interface DeviceChoice {
  readonly backend: BackendChoice;
  /** True where a graphics card was asked for, not a backend by its name. */
  readonly gpu: boolean;
  /** What is other than the words say. */
  readonly note?: string;
}

/** `cuda`, `cuda:1`, `1`, `0,1`, `cuda:0,cuda:1`, `mps`, `mps:0`, `gpu`. */
const GPU = /^(?:gpu|(?:cuda|mps)(?::\d+)?|(?:cuda:)?\d+(?:,(?:cuda:)?\d+)*)$/;

const clean = (text: string): string => text.toLowerCase().replace(/\s+/g, "");

function named(name: string): BackendChoice | undefined {
  return name === "" ? "auto" : BACKENDS.find((choice) => choice === name);
}

/** A value of `--backend`: a backend's name; whatever names a graphics card is WebGPU. */
export function backend(text: string): BackendChoice {
  const name = clean(text);
  const found = named(name) ?? (GPU.test(name) ? "webgpu" : undefined);
  if (found) return found;
  throw new InvalidArgumentError(`It is not one of ${BACKENDS.join(", ")}.`);
}

/**
 * A value of `--device`, as detect.py's users mean it: `cpu` is the fast backend for the CPU, not the reference that
 * `--backend cpu` is; cards are WebGPU, which chooses among them by itself.
 */
export function device(text: string): DeviceChoice {
  const name = clean(text);
  if (name === "cpu") {
    return {
      backend: "wasm",
      gpu: false,
      note: "--device cpu: runs on wasm, the fast backend for CPUs; the slow reference is --backend cpu",
    };
  }
  const found = named(name === "none" ? "" : name);
  if (found) return { backend: found, gpu: false };
  if (!GPU.test(name)) {
    throw new InvalidArgumentError(
      `It is no device: there are cpu, a GPU (0, cuda:0, mps), and the backends ${BACKENDS.join(", ")}.`,
    );
  }
  const cards = name.match(/\d+/g) ?? [];
  if (cards.length > 1) {
    return { backend: "webgpu", gpu: true, note: `--device ${text.trim()}: runs on one GPU, which WebGPU chooses` };
  }
  const other = cards.some((number) => Number(number) > 0);
  const note = `--device ${text.trim()}: runs on webgpu, which chooses the GPU by itself; the number is not looked at`;
  return { backend: "webgpu", gpu: true, ...(other ? { note } : {}) };
}
