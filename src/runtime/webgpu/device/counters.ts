/** Counts device operations, so that tests can enforce "one submit, nothing created, no copy". */

import type { DeviceCounters } from "../../backend.js";

export interface Counters extends DeviceCounters {
  readonly buffersDestroyed: number;
  /** Dispatches that only move channels because a concat or slice could not be a placed slice. */
  readonly copies: number;
  /** Runs that were repeated because they found more candidates than there was room for. */
  readonly candidateOverflows: number;
}

export type MutableCounters = { -readonly [K in keyof Counters]: number };

export function newCounters(): MutableCounters {
  return {
    submits: 0,
    dispatches: 0,
    buffersCreated: 0,
    buffersDestroyed: 0,
    pipelinesCreated: 0,
    bindGroupsCreated: 0,
    copies: 0,
    bytesRead: 0,
    candidateOverflows: 0,
  };
}
