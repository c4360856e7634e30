/** Training of networks in Node. */

import { availableParallelism } from "node:os";
import type { TrainingGraph } from "../ops/gradients/index.js";
import type { Trainer, TrainingOptions } from "../runtime/trainer.js";
import type { WasmBackendOptions } from "../runtime/wasm/index.js";
import { createWasmTrainer } from "../runtime/wasm/train/trainer.js";
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
