/** What is measured: anything that runs one network on one input again and again. Peers implement it beside our own. */

import type { NodeTiming } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";

/** One engine with one model on one backend, loaded. */
export interface BenchEngine {
  /** `yolov5-ts`, or the peer's package. */
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly dtype: string;
  /** What runs it, for the device block; undefined where the engine does not say. */
  readonly adapter: string | undefined;
  /** From the checkpoint's bytes to the first outputs. */
  readonly coldMs: number;
  readonly imgsz: readonly [number, number];
  readonly batch: number;
  /** Of one run of the whole batch; undefined where unknown. */
  readonly flops: number | undefined;
  /** Host memory to host memory. */
  run(): Promise<readonly HostTensor[]>;
  profile?(): Promise<readonly NodeTiming[]>;
  /** Weights, activations and staging together; undefined where unknown. */
  peakBytes(): Promise<number | undefined>;
  dispose(): void;
}
