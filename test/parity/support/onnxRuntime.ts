/** onnxruntime-node, if it is installed with the peers of the benches. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { REPOSITORY } from "../../support/reference.js";

/** What the tests use of onnxruntime-node. */
export interface Runtime {
  readonly InferenceSession: {
    create(
      model: Uint8Array | string,
      options?: { readonly graphOptimizationLevel: string; readonly optimizedModelFilePath: string },
    ): Promise<{
      readonly outputNames: readonly string[];
      run(feeds: object): Promise<Record<string, { dims: number[]; data: Float32Array }>>;
      release(): Promise<void>;
    }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}

/** Undefined, after saying so, if it is not installed. */
export function onnxRuntime(): Runtime | undefined {
  const peers = join(REPOSITORY, "bench", "peers");
  if (existsSync(join(peers, "node_modules", "onnxruntime-node")))
    return createRequire(join(peers, "package.json"))("onnxruntime-node") as Runtime;
  console.warn("skipped: ONNX Runtime is not installed in bench/peers (npm ci --prefix bench/peers --ignore-scripts)");
  return undefined;
}
