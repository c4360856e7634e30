/** What the HTTP hooks remember about a request, for its log line. */

import type { FastifyRequest } from "fastify";
import type { WorkNotes } from "../serving.js";

export interface RequestNotes {
  readonly started: number;
  readonly work: WorkNotes;
  /** Why it has no result. */
  refused?: string;
}

const notes = new WeakMap<FastifyRequest, RequestNotes>();

export function requestNotes(request: FastifyRequest): RequestNotes {
  let found = notes.get(request);
  if (!found) {
    found = { started: performance.now(), work: {} };
    notes.set(request, found);
  }
  return found;
}
