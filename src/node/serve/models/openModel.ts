/** Weights → a model that computes: loaded, put into worker threads or on a device, and warm. */

import { DeviceError, DeviceLostError, DisposedError, LimitError } from "../../../errors.js";
import { computesOnDevice } from "../../../runtime/backendNames.js";
import type { ModelInfo } from "../../../yolov5/checkpoint/modelInfo.js";
import type { Model } from "../../../yolov5/model.js";
import { type Loaded, loadWeights } from "../../loadWeights.js";
import { openLabelFont } from "../../pictures/labelFont.js";
import { workersByCores, workersByMemory } from "../../workers/howMany.js";
import { weightsSeed } from "../../workers/modelSeed.js";
import { BatchScheduler } from "../batching/batchScheduler.js";
import type { QueueLimit } from "../batching/queueLimit.js";
import type { ResolvedServeOptions } from "../options.js";
import { Engine } from "../work/engine.js";
import type { InferJob, ServeAnswer, ServeJob } from "../work/jobs.js";
import { hasWorkers, inWorkers, onThisThread, type Runner } from "../work/runner.js";
import type { ModelSpec } from "./modelSpecs.js";

/** A tensor's name and shape. All are FP32. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The interface of a model for requests: that of its ONNX export at its own size. */
export interface Face {
  readonly input: Port;
  readonly outputs: readonly Port[];
}

/** One version of a model, ready for requests. */
export interface ServedModel {
  readonly spec: ModelSpec;
  readonly info: ModelInfo;
  readonly device: Model["device"];
  readonly face: Face;
  /** Largest side of an input. */
  readonly maxImgsz: number;
  readonly maxBatch: number;
  readonly workers: number;
  readonly scheduler: BatchScheduler<ServeJob, ServeAnswer>;
  /** Lets accepted requests finish, then frees the model. */
  retire(): Promise<void>;
  /** Frees it at once. */
  dispose(): void;
}

export interface OpenModelContext {
  readonly options: ResolvedServeOptions;
  readonly limit: QueueLimit;
  /** Number of models that share the memory. */
  readonly models: number;
  /** Called when nothing can be computed any more: the device is lost, or threads do not start. */
  readonly onBroken: (error: Error) => void;
}

/** Two batches on a device: one is decoded while the other is computed. */
const DEVICE_SLOTS = 2;
const GPU_BATCH = 8;
const LEAST_MAX_IMGSZ = 1280;

/** @throws as `load`; DeviceError if the model does not run. */
export async function openModel(spec: ModelSpec, context: OpenModelContext): Promise<ServedModel> {
  const { options, limit } = context;
  const { backend, half, threads, config, names, signal, onNote } = options;
  const wantsWorkers = options.workers !== 0 && hasWorkers() && !computesOnDevice(backend ?? "auto");
  const loaded = await loadWeights(spec.weights, {
    ...{ backend, half, config, names, signal, onNote },
    // The network runs in the workers then, where each has one thread for it.
    threads: wantsWorkers ? 1 : threads,
  });
  const { info, device } = loaded.model;
  const maxBatch = options.maxBatch ?? (computesOnDevice(device.name) ? GPU_BATCH : 1);
  const workers = computesOnDevice(device.name) ? 0 : workersOf(loaded, wantsWorkers, context);
  const runner = await runnerOf(loaded, workers, maxBatch, options);
  try {
    const side = info.defaultImgsz;
    const [height, width] = typeof side === "number" ? [side, side] : side;
    const shape: InferJob["shape"] = [1, 3, height, width];
    const face = await warmUp(runner, shape, maxBatch);
    const scheduler = new BatchScheduler<ServeJob, ServeAnswer>({
      ...{ slots: runner.slots, maxBatch, maxDelay: options.maxDelay, limit },
      run: (jobs) => runner.run(jobs).catch((error) => fail(error, context.onBroken)),
    });
    const dispose = (): void => runner.dispose();
    const retire = async (): Promise<void> => {
      scheduler.hurry();
      await scheduler.idle();
      dispose();
    };
    const maxImgsz = options.maxImgsz ?? Math.max(LEAST_MAX_IMGSZ, shape[2], shape[3]);
    return { spec, info, device, face, maxImgsz, maxBatch, workers, scheduler, retire, dispose };
  } catch (error) {
    runner.dispose();
    throw error;
  }
}

function fail(error: unknown, onBroken: (error: Error) => void): never {
  const broken = error instanceof DeviceError || error instanceof DeviceLostError || error instanceof DisposedError;
  if (broken) onBroken(error);
  throw error;
}

function workersOf({ weights }: Loaded, wanted: boolean, { options, models }: OpenModelContext): number {
  if (!wanted) return 0;
  const fileBytes = weights.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  const most = Math.min(workersByCores(options.threads), Math.floor(workersByMemory(fileBytes) / models));
  return options.workers ?? Math.max(1, most);
}

async function runnerOf(
  { model, weights }: Loaded,
  workers: number,
  maxBatch: number,
  { maxPixels, half = false, config }: ResolvedServeOptions,
): Promise<Runner> {
  const { members, names, device } = model;
  const { backend } = members[0].network;
  if (workers > 0) {
    const seed = { weights: weights.map(weightsSeed), backend: backend.name, half, config, names };
    // The workers have their own networks.
    model.dispose();
    return inWorkers(workers, { model: seed, maxPixels, maxBatch });
  }
  const engine = new Engine(members, backend, { maxPixels, maxBatch, font: await openLabelFont(names) });
  const slots = device.name === "webgpu" ? DEVICE_SLOTS : 1;
  return onThisThread(engine, slots, () => model.dispose());
}

/**
 * Runs every worker once for one picture and once for a full batch, so that no request waits for compilers.
 * @returns the shapes of the network's outputs.
 */
async function warmUp(runner: Runner, shape: InferJob["shape"], maxBatch: number): Promise<Face> {
  const run = async (n: number): Promise<ServeAnswer> => {
    const [, c, h, w] = shape;
    const data = new Float32Array(n * c * h * w);
    const [answer] = await runner.run([{ kind: "infer", shape: [n, c, h, w], data, texts: [] }]);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const threads = Array.from({ length: Math.max(1, runner.workers) });
  const [answer] = await Promise.all(threads.map(() => run(1)));
  try {
    if (maxBatch > 1) await Promise.all(threads.map(() => run(maxBatch)));
  } catch (error) {
    // The network splits batches that its device refuses.
    if (!(error instanceof LimitError)) throw error;
  }
  const outputs = answer.kind === "infer" ? answer.outputs : [];
  return {
    input: { name: "images", shape },
    outputs: outputs.map((output, i) => ({ name: `output${i}`, shape: output.shape })),
  };
}
