/** `reestimate`, whose code pages fetch when it is called. */

import { imported } from "../../imported.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import type { ReestimateOptions } from "./reestimate.js";

/**
 * Gives a pruned network back what it can say of the unpruned one's layers, without training.
 * @param inputs calibration pictures of one size, see `calibrationInputs`.
 * @returns the pruned tree with new statistics and weights, in the same dtypes.
 */
export async function reestimate(
  original: ModuleNode,
  pruned: ModuleNode,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  options: ReestimateOptions = {},
): Promise<ModuleNode> {
  const { reestimate: run } = await imported(import("./reestimate.js"));
  return run(original, pruned, inputs, backend, options);
}
