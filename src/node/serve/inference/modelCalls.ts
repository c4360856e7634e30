/** Calls of the Open Inference Protocol that mean the same over REST and gRPC. */

import type { ServedModel } from "../models/openModel.js";
import type { IndexEntry } from "../models/repository.js";
import { RequestError } from "../requestError.js";
import type { Serving, WorkNotes } from "../serving.js";
import type { InferJob, OutputTensor } from "../work/jobs.js";

/** False while the server or the model is not ready. @throws RequestError 404 if there is no such model. */
export function isModelReady({ repository, ready }: Serving, name: string, version: string | undefined): boolean {
  try {
    repository.find(name, version);
    return ready;
  } catch (error) {
    if (error instanceof RequestError && error.status === 503) return false;
    throw error;
  }
}

/** @param onlyReady leave out models that answer no requests. */
export function repositoryIndex({ repository }: Serving, onlyReady: boolean): readonly IndexEntry[] {
  return repository.index.filter(({ state }) => !onlyReady || state === "READY");
}

/** Loads a model again. @throws RequestError 404; 400 with what is wrong with its file. */
export async function loadModel({ repository }: Serving, name: string): Promise<void> {
  try {
    await repository.load(name);
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError(400, "model", error instanceof Error ? error.message : String(error));
  }
}

/** The network's outputs for an input tensor. @throws as `Serving.compute`. */
export async function computeTensors(
  serving: Serving,
  model: ServedModel,
  job: Omit<InferJob, "kind">,
  { signal, notes }: { readonly signal: AbortSignal; readonly notes: WorkNotes },
): Promise<readonly OutputTensor[]> {
  // Inputs of one size can share a forward pass.
  const key = `infer ${job.shape.slice(2).join("x")}`;
  const [answer] = await serving.compute(model, [{ kind: "infer", ...job }], key, signal, notes);
  if (answer instanceof Error) throw answer;
  return answer.kind === "infer" ? answer.outputs : [];
}
