/** The options of `enqueue` and `work`. */

import type { CommonFlags, DetectFlags } from "../options/flags.js";

export interface QueueFlags {
  /** `redis://…` or `rediss://…`. */
  readonly queue: string;
  readonly queueName: string;
}

export interface EnqueueFlags extends DetectFlags, QueueFlags {
  readonly jobSize: number;
  readonly attempts: number;
  readonly watch?: boolean;
  readonly output?: string;
}

export interface WorkFlags extends CommonFlags, QueueFlags {
  readonly workers?: number;
  /** Seconds after which a job whose worker shows no sign of life goes to another one. */
  readonly lock: number;
  /** End when no job is left. */
  readonly drain?: boolean;
}
