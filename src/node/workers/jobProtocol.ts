/** The messages between a pool and its threads. */

import type { WireError } from "../../api/wireError.js";

export type ToThread<Job> =
  | { readonly type: "job"; readonly id: number; readonly job: Job }
  /** Nobody waits any longer for this job or, with the number of the pool, for what is not one's. */
  | { readonly type: "abort"; readonly id: number };

/** Stands for the pool where the number of a job is expected. */
export const POOL = 0;

export type FromThread<Answer> =
  | { readonly type: "ready" }
  /** Any message before the answer, or from the pool's threads at any time. */
  | { readonly type: "event"; readonly id: number; readonly event: unknown }
  /** It cannot work at all, nor could another one. */
  | { readonly type: "broken"; readonly error: WireError }
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer }
  | { readonly type: "failed"; readonly id: number; readonly error: WireError };
