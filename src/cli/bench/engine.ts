/**
 * What the bench measures: anything that runs one network on one input repeatedly. Implemented by this engine and its
 * peers.
 */

import type { Graph } from "../../ops/index.js";
import type { ComputeDType, DeviceCounters, NodeTiming } from "../../runtime/backend.js";
import type { Float32Tensor, HostTensor } from "../../tensor/index.js";
import type { ColdTimes } from "./cold.js";

/** The peak rates of a device. */
export interface DevicePeaks {
  /** float32 multiply-adds in registers, counted as two operations each. */
  readonly gflopsPerSecond: number;
  /** Bytes read and written, at the fastest working-set size: small ones stay in a cache. */
  readonly gbPerSecond: number;
}

/** One engine with one loaded model on one backend. */
export interface BenchEngine {
  /** `yolov5-ts`, or the peer's package. */
  readonly engine: string;
  readonly backend: string;
  readonly model: string;
  readonly dtype: string;
  /** The device, for the device block; undefined if the engine does not say. */
  readonly adapter: string | undefined;
  /** For engines that compute on the CPU. */
  readonly threads?: number | undefined;
  /** For peers: the largest difference between their outputs and ours. */
  readonly maxDifference?: number | undefined;
  /** From the model's bytes to the first outputs. */
  readonly coldMs: number;
  /** For this engine: `coldMs` by stage. */
  readonly coldStages?: ColdTimes | undefined;
  readonly imgsz: readonly [number, number];
  readonly batch: number;
  /** For one run of the whole batch; undefined if unknown. */
  readonly flops: number | undefined;
  /** From host memory to host memory. */
  run(): Promise<unknown>;
  /** Milliseconds of one run, for engines in another process, which measures it itself. */
  time?(): Promise<number>;
  /** For GPUs: the work submitted to the device so far. */
  counters?(): DeviceCounters | undefined;
  profile?(): Promise<readonly NodeTiming[]>;
  /** The device's peak rates; undefined if they cannot be measured. */
  peaks?(): Promise<DevicePeaks | undefined>;
  /** Weights, activations and staging together; undefined if unknown. */
  peakBytes(): Promise<number | undefined>;
  dispose(): void;
}

/** This engine, with what a peer needs in order to do the same work. */
export interface OwnEngine extends BenchEngine {
  readonly dtype: ComputeDType;
  readonly subject: {
    readonly input: Float32Tensor;
    /** Outputs of the first run. */
    readonly outputs: readonly HostTensor[];
    /** The optimised graph that a user would export, with BatchNorms folded. */
    graph(): Graph;
  };
}
