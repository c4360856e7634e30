/** A loaded model as threads receive it: the bytes of its files in memory that all threads share, and how to run it. */

import type { Backend, BackendName } from "../../runtime/backend.js";
import { openModel } from "../../yolov5/loadModel.js";
import type { Member } from "../../yolov5/model.js";
import { openBackend } from "../backends.js";
import { createMembers } from "../createMembers.js";
import { type OpenedWeights, openWeights } from "../weightSource.js";

export interface ModelSeed {
  readonly weights: readonly WeightsSeed[];
  readonly backend: BackendName;
  readonly half: boolean;
  /** Model description for a bare state dict. */
  readonly config: unknown;
  /** Class names, which may be those of a data set. */
  readonly names: readonly string[];
}

interface WeightsSeed {
  /** Absent for weights that are made from their name. */
  readonly bytes: Uint8Array | undefined;
  readonly path: string;
}

/** Copies the bytes of a file once, for any number of threads. */
export function weightsSeed({ bytes, path }: OpenedWeights): WeightsSeed {
  if (!bytes) return { bytes: undefined, path };
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return { bytes: shared, path };
}

/** The thread's own model, which computes on that thread alone. */
export async function openSeed(seed: ModelSeed): Promise<{ members: readonly Member[]; backend: Backend }> {
  const { config, half, names } = seed;
  const weights: OpenedWeights[] = [];
  for (const { bytes, path } of seed.weights) {
    weights.push(bytes ? { opened: openModel(bytes, { path, config }), path, bytes } : await openWeights(path));
  }
  const backend = await openBackend(seed.backend, { threads: 1 });
  const members = createMembers(weights, backend, { half });
  return { members: members.map((member) => ({ ...member, info: { ...member.info, names } })), backend };
}
