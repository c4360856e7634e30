/** What is measured: anything that runs one network on one input again and again. Peers implement it beside our own. */

import type { Graph } from "../../ops/index.js";
import type { ComputeDType, DeviceCounters, NodeTiming } from "../../runtime/backend.js";
import type { Float32Tensor, HostTensor } from "../../tensor/index.js";
import type { ColdTimes } from "./cold.js";

/** What a device can do at best. */
export interface DevicePeaks {
  /** float32 multiply-adds in registers, counted as two operations. */
  readonly gflopsPerSecond: number;
  /** Bytes read and written, of the size of the working set that does best: small ones stay in a cache. */
  readonly gbPerSecond: number;
}

/** One engine with one model on one backend, loaded. */
export interface BenchEngine {
  /** `yolov5-ts`, or the peer's package. */
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly dtype: string;
  /** What runs it, for the device block; undefined where the engine does not say. */
  readonly adapter: string | undefined;
  /** Of engines that compute on the CPU. */
  readonly threads?: number | undefined;
  /** Of peers: the largest difference between their outputs and ours. */
  readonly maxDifference?: number | undefined;
  /** From the model's bytes to the first outputs. */
  readonly coldMs: number;
  /** Of engines of our own: `coldMs` by stage. */
  readonly coldStages?: ColdTimes | undefined;
  readonly imgsz: readonly [number, number];
  readonly batch: number;
  /** Of one run of the whole batch; undefined where unknown. */
  readonly flops: number | undefined;
  /** Host memory to host memory. */
  run(): Promise<unknown>;
  /** Milliseconds of one run, where it happens in another process, which then measures it. */
  time?(): Promise<number>;
  /** Of GPUs: what was asked of the device so far. */
  counters?(): DeviceCounters | undefined;
  profile?(): Promise<readonly NodeTiming[]>;
  /** What its device can do at best; undefined where there is no way to tell. */
  peaks?(): Promise<DevicePeaks | undefined>;
  /** Weights, activations and staging together; undefined where unknown. */
  peakBytes(): Promise<number | undefined>;
  dispose(): void;
}

/** This engine, with what a peer needs to do the same work. */
export interface OwnEngine extends BenchEngine {
  readonly dtype: ComputeDType;
  readonly subject: {
    readonly input: Float32Tensor;
    /** Of the first run. */
    readonly outputs: readonly HostTensor[];
    /** Optimised: what a user would export, BatchNorms folded. */
    graph(): Graph;
  };
}
