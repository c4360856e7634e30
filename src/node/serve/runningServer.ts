/** The interface of a server for callers. */

import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import type { Device } from "../../yolov5/runner.js";

/** A model that a server runs. */
export interface RunningModel {
  readonly name: string;
  readonly version: string;
  /** Path or address of its weights. */
  readonly path: string;
  readonly task: Task;
  readonly device: Device;
  /** Number of worker threads; 0: the server's own thread computes. */
  readonly workers: number;
  readonly maxBatch: number;
}

/** A running server. */
export interface YoloServer {
  /** `http://127.0.0.1:8000`. */
  readonly url: string;
  /** `127.0.0.1:8001`, if there is a gRPC service. */
  readonly grpcAddress: string | undefined;
  readonly models: readonly RunningModel[];
  /** Whether all models are warm and the server is not closing. */
  readonly ready: boolean;
  /**
   * Reads a model's weights again. The old ones answer requests until the new ones are warm, and stay if the new ones cannot be
   * loaded.
   * @param name default: the first model.
   * @throws the errors of `load`.
   */
  reload(name?: string): Promise<void>;
  /** Accepts no further requests, answers those already accepted, and frees the models. */
  close(): Promise<void>;
}
