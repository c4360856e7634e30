/** Loads a command's model: shows progress, prints notes, and takes class names and description from YAML files. */

import { EMBEDDED_MODEL } from "../api/names.js";
import { type Loaded, loadWeights } from "../node/loadWeights.js";
import { expectPicture } from "../node/pictures/expectPicture.js";
import { workersByMemory } from "../node/workers/howMany.js";
import { type NamedSeed, weightsSeed } from "../node/workers/modelSeed.js";
import type { BackendChoice } from "../runtime/backend.js";
import { computesOnCores } from "../runtime/backendNames.js";
import type { Task } from "../yolov5/checkpoint/modelInfo.js";
import { normalizeNames } from "../yolov5/checkpoint/names.js";
import type { Picture } from "../yolov5/input/pictures.js";
import { LocalRunner } from "../yolov5/localRunner.js";
import { type Member, Model } from "../yolov5/model.js";
import { type DetectOptions, resolveOptions } from "../yolov5/options.js";
import { throwIfInterrupted } from "./interrupt.js";
import type { DeviceChoice } from "./options/devices.js";
import { readModelConfig, readNames } from "./options/yamlFile.js";
import type { Output } from "./output.js";
import { DownloadProgress } from "./progress.js";
import { grouped } from "./table.js";
import { tuneWithBar } from "./tuning.js";

/** Commands decode pictures themselves, since they draw, crop and save them. */
export type CliModel = Model<Picture>;

export interface LoadFlags {
  readonly weights?: readonly string[] | undefined;
  readonly backend: BackendChoice;
  readonly device?: DeviceChoice | undefined;
  readonly threads?: number | undefined;
  /** Used instead of `threads` if it depends on the weights. */
  readonly threadsFor?: ((task: Task) => number | undefined) | undefined;
  readonly half?: boolean | undefined;
  readonly tune?: boolean | undefined;
  readonly cfg?: string | undefined;
  readonly data?: string | undefined;
  /** False if the command computes nothing, so that notes about the backend are irrelevant. Default true. */
  readonly notes?: boolean | undefined;
}

export interface LoadedModel {
  readonly model: CliModel;
  /** The contents of each checkpoint, or its name if it is generated from that. */
  readonly contents: readonly (Uint8Array | string)[];
  /** The same model for other threads. */
  readonly seed: () => NamedSeed;
  /** Prepares for the first picture while its file is decoded; settles when that may begin. */
  readonly expect: (bytes: Uint8Array, options: DetectOptions) => Promise<void>;
  /** How many workers to start of those that the number of cores and pictures suggests. */
  readonly workersOf: (given: number | undefined, suggested: number) => number;
}

export async function loadModel(flags: LoadFlags, output: Output): Promise<CliModel> {
  return (await loadWithSeed(flags, output)).model;
}

export async function loadWithSeed(flags: LoadFlags, output: Output): Promise<LoadedModel> {
  const config = await readModelConfig(flags.cfg);
  const dataNames = flags.data === undefined ? undefined : await readNames(flags.data);
  const progress = new DownloadProgress(output);
  let loaded: Loaded;
  try {
    loaded = await loadWeights(flags.weights ?? [EMBEDDED_MODEL], {
      backend: flags.backend,
      threads: flags.threads,
      threadsFor: flags.threadsFor,
      half: flags.half,
      tune: flags.tune ? tuneWithBar(output) : undefined,
      config,
      signal: output.io.signal,
      onProgress: progress.onProgress,
      onNote: (note) => {
        if (flags.notes ?? true) output.line(`note: ${note}`);
      },
    });
  } catch (error) {
    throwIfInterrupted(output.io.signal);
    throw error;
  } finally {
    progress.stop();
  }
  const { members } = loaded.model;
  const { backend } = members[0].network;
  if (flags.device?.gpu && backend.software) {
    output.line("note: the only GPU here is emulated on the CPU; --device cpu is faster");
  }
  const named = dataNames === undefined ? members : withNames(members, dataNames, output);
  const runner = new LocalRunner(named, backend, (picture: Picture) => Promise.resolve(picture));
  const model = new Model(runner);
  // Ends the pending forward pass, which may take very long.
  output.io.signal.addEventListener("abort", () => model.dispose(), { once: true });
  const { weights } = loaded;
  const seed = (): NamedSeed => ({
    weights: weights.map(weightsSeed),
    backend: backend.name,
    half: flags.half ?? false,
    config,
    names: model.names,
  });
  const workersOf = (given: number | undefined, suggested: number): number => {
    if (!computesOnCores(backend.name) || suggested === 0) return 0;
    const fileBytes = weights.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
    return given ?? Math.max(1, Math.min(suggested, workersByMemory(fileBytes)));
  };
  const contents = weights.map(({ bytes, path }) => bytes ?? path);
  const expect = (bytes: Uint8Array, options: DetectOptions): Promise<void> =>
    expectPicture(runner.pipeline, named, bytes, resolveOptions(options, model.info));
  return { model, contents, seed, workersOf, expect };
}

/** The data set's names, for a checkpoint without names. As in YOLOv5, a checkpoint's own names win. */
function withNames(members: readonly Member[], names: unknown, output: Output): readonly Member[] {
  const [{ info }] = members;
  const given = normalizeNames(names, info.classes);
  if (info.names.some((name, i) => name !== `class${i}`)) {
    if (given.some((name, i) => name !== info.names[i])) {
      output.warn("--data and the checkpoint have different class names; using the checkpoint's");
    }
    return members;
  }
  return members.map((member) => ({ ...member, info: { ...member.info, names: given } }));
}

/** Two lines that describe the model and the backend. */
export function describeModel(model: CliModel, output: Output, workers = 0): void {
  const { name, adapter, dtype } = model.device;
  const each = workers === 0 ? "" : `, in ${workers} worker${workers === 1 ? "" : "s"}`;
  output.line(`Backend: ${name} (${adapter}), ${dtype}${each}`);
  for (const { info } of model.members) {
    const classes = `${info.classes} class${info.classes === 1 ? "" : "es"}`;
    output.line(`Model:   ${info.path}, ${info.task}, ${classes}, ${grouped(info.parameters)} parameters`);
  }
}

/** The `model` field of a command's JSON. */
export function modelJson({ members, info }: CliModel) {
  const paths = members.map((member) => member.info.path);
  return { path: info.path, ...(paths.length > 1 ? { ensemble: paths } : {}), task: info.task, names: info.names };
}
