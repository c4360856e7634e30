/** A model as threads receive it: the bytes of its files in memory that all threads share, and how to run it. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { Backend, BackendChoice } from "../../runtime/backend.js";
import type { Member } from "../../yolov5/model.js";
import { openBackend } from "../backends.js";
import { createMembers } from "../createMembers.js";
import { type FoundWeights, type OpenedWeights, openFound, preparedToKeep } from "../weightSource.js";

export interface ModelSeed {
  readonly weights: readonly FoundWeights[];
  readonly backend: BackendChoice;
  readonly half: boolean;
  /** Model description for a bare state dict. */
  readonly config: unknown;
  /** As `LoadOptions.cache`. */
  readonly cache?: boolean | undefined;
  /** Class names in place of those of the files, such as a data set's. */
  readonly names?: readonly string[] | undefined;
}

/** A model whose class names are known where its threads start. */
export interface NamedSeed extends ModelSeed {
  readonly names: readonly string[];
}

/** Copies the bytes of a file once, for any number of threads. */
export function weightsSeed({ bytes, path, file }: FoundWeights): FoundWeights {
  if (!bytes) return { path, file };
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return { bytes: shared, path, file };
}

/** The thread's own model. */
export async function openSeed(
  { weights, backend: choice, half, config, names, cache }: ModelSeed,
  options: Pick<LoadOptions, "threads" | "names" | "tune" | "onNote">,
): Promise<{ members: readonly Member[]; backend: Backend }> {
  const opened: OpenedWeights[] = [];
  for (const found of weights) opened.push(await openFound(found, { config }));
  const { threads, onNote } = options;
  const backend = await openBackend(choice, { threads, onNote, keep: preparedToKeep(weights, cache) });
  try {
    const members = createMembers(opened, backend, { ...options, half });
    return { members: names ? members.map((member) => named(member, names)) : members, backend };
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

function named({ network, info }: Member, names: readonly string[]): Member {
  return { network, info: { ...info, names } };
}
