/** What a host can keep between runs of what a model is prepared from, so that the next start reads it. */

import type { Target } from "../../../kernels/wasm/index.js";
import type { KernelStore } from "../device/kernelLibrary.js";
import type { Constant } from "../lower/steps.js";

/** `target` says what kernels are emitted for; `write…` never throws. */
export interface PreparedStore extends KernelStore {
  /**
   * Writes packed weights to their addresses in a memory.
   * @returns undefined if just these are not kept; false if they are not whole, and the memory may then hold anything there
   */
  readWeights(constants: readonly Constant[], memory: ArrayBufferLike, target: Target): Promise<boolean> | undefined;
  /** Keeps what lies there of constants that `readWeights` was asked for. */
  writeWeights(constants: readonly Constant[], memory: ArrayBufferLike): void;
}
