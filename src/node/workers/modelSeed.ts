/** A loaded model as threads receive it: the bytes of its files in memory that all threads share, and how to run it. */

import type { Backend, BackendName } from "../../runtime/backend.js";
import { openModelFile } from "../../yolov5/loadModel.js";
import type { Member } from "../../yolov5/model.js";
import { openBackend } from "../backends.js";
import { createMembers } from "../createMembers.js";
import { readOnnxFile } from "../onnxFile.js";
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
  /** The path of the file on this machine, for what an ONNX export keeps beside it. */
  readonly file: string | undefined;
}

/** Copies the bytes of a file once, for any number of threads. */
export function weightsSeed({ bytes, path, file }: OpenedWeights): WeightsSeed {
  if (!bytes) return { bytes: undefined, path, file };
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return { bytes: shared, path, file };
}

/** The thread's own model, which computes on that thread alone. */
export async function openSeed(seed: ModelSeed): Promise<{ members: readonly Member[]; backend: Backend }> {
  const { config, half, names } = seed;
  const weights: OpenedWeights[] = [];
  for (const { bytes, path, file } of seed.weights) {
    const open = async (data: Uint8Array): Promise<OpenedWeights> => {
      return { opened: await openModelFile(data, { path, config, readOnnx: readOnnxFile(file) }), path };
    };
    weights.push(await (bytes ? open(bytes) : openWeights(path)));
  }
  const backend = await openBackend(seed.backend, { threads: 1 });
  const members = createMembers(weights, backend, { half });
  return { members: members.map((member) => ({ ...member, info: { ...member.info, names } })), backend };
}
