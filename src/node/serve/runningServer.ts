/** What callers get of a server. */

import type { Task } from "../../yolov5/checkpoint/modelInfo.js";
import type { Device } from "../../yolov5/runner.js";

/** A model that a server runs. */
export interface RunningModel {
  readonly name: string;
  readonly version: string;
  /** Where its weights come from. */
  readonly path: string;
  readonly task: Task;
  readonly device: Device;
  /** Threads that compute; 0: the server's own. */
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
   * Reads a model's weights again. Requests are answered by the old ones until the new ones are warm; if they cannot be
   * loaded, the old ones stay.
   * @param name default: the first model.
   * @throws as `load`.
   */
  reload(name?: string): Promise<void>;
  /** Takes no further requests, answers those that it has, and frees the models. */
  close(): Promise<void>;
}
