/** Training of networks in Node. */

import { availableParallelism } from "node:os";
import type { TrainingGraph } from "../ops/gradients/index.js";
import type { BackendName } from "../runtime/backendNames.js";
import type { Trainer, TrainingOptions } from "../runtime/trainer.js";
import type { WasmBackendOptions } from "../runtime/wasm/index.js";
import { createWasmTrainer } from "../runtime/wasm/train/trainer.js";
import { openGpu } from "./backends.js";
import { allowRelaxedSimd, spawn } from "./wasm.js";

/**
 * Compiles a training step on WASM.
 * @throws as `createWasmTrainer`.
 */
export async function openWasmTrainer(
  graph: TrainingGraph,
  options: WasmBackendOptions & TrainingOptions = {},
): Promise<Trainer> {
  allowRelaxedSimd(options.instructions);
  return createWasmTrainer(graph, { spawn, cores: availableParallelism(), ...options });
}

/**
 * Compiles a training step on WebGPU.
 * @throws as `createWebGpuTrainer`.
 */
export async function openWebGpuTrainer(graph: TrainingGraph, options: TrainingOptions = {}): Promise<Trainer> {
  const gpu = await openGpu(false);
  const { createWebGpuTrainer } = await import("../runtime/webgpu/train/trainer.js");
  return createWebGpuTrainer(graph, { gpu, ...options });
}

/**
 * Compiles a training step: on WebGPU beside a WebGPU backend, on WASM beside every other, which has no gradients.
 * @param backend the name of the opened backend
 * @throws as the trainer of that backend.
 */
export async function openTrainer(
  backend: BackendName,
  graph: TrainingGraph,
  { threads, ...options }: TrainingOptions & { readonly threads?: number | undefined } = {},
): Promise<Trainer> {
  if (backend === "webgpu") return openWebGpuTrainer(graph, options);
  return openWasmTrainer(graph, { ...options, ...(threads === undefined ? {} : { threads }) });
}
