/** The messages between a pool and its threads. */

import type { WireError } from "../../api/wireError.js";

export interface ToThread<Job> {
  readonly id: number;
  readonly job: Job;
}

export type FromThread<Answer> =
  | { readonly type: "ready" }
  /** It cannot work at all, nor could another one. */
  | { readonly type: "broken"; readonly error: WireError }
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer }
  | { readonly type: "failed"; readonly id: number; readonly error: WireError };
