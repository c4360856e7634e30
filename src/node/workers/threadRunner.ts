/** A model's calls in worker threads: this thread reads files and puts results together. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource } from "../../api/sources.js";
import { DisposedError, invariant, OptionError, UnsupportedError } from "../../errors.js";
import type { Backend, CandidateOutputs, NodeTiming, TuneOptions } from "../../runtime/backend.js";
import { computesOnCores } from "../../runtime/backendNames.js";
import type { HostTensor } from "../../tensor/index.js";
import { count } from "../../yolov5/calls/checks.js";
import { type Begun, inOrder } from "../../yolov5/calls/inOrder.js";
import { Turns } from "../../yolov5/calls/turns.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { ResultSaver } from "../../yolov5/draw/saver.js";
import type { NetworkInput } from "../../yolov5/input/preprocess.js";
import type { Member } from "../../yolov5/model.js";
import type { NetworkMemory } from "../../yolov5/network.js";
import type { ResolvedOptions } from "../../yolov5/options.js";
import { type Outcome, type Result, resultOf } from "../../yolov5/output/outcome.js";
import { Prediction } from "../../yolov5/output/prediction.js";
import type { Device, ImageSize, ModelRunner } from "../../yolov5/runner.js";
import { withSaver } from "../pictures/resultSaver.js";
import { capture, type ReadSent, type SentPicture } from "../pictures/sentPicture.js";
import type { ModelAnswer, ModelEvent, ModelJob, SentOptions } from "./modelJobs.js";
import { type ModelSeed, openSeed } from "./modelSeed.js";
import type { JobOptions, WorkerPool } from "./workerPool.js";

/** Most pictures that are read or in work for calls that overlap; the others wait unread. */
const MOST_READ = 16;
/** For each worker: those that are done may wait for an earlier one. */
const AHEAD = 3;

export interface ThreadRunnerOptions extends Pick<LoadOptions, "threads" | "names" | "maxPixels" | "onNote"> {
  readonly seed: ModelSeed;
  /** Number of threads; undefined: one, whose network uses several. */
  readonly workers: number | undefined;
}

type Pool = WorkerPool<ModelJob, ModelAnswer>;
type Facts = Extract<ModelAnswer, { kind: "facts" }>;
type Method = Extract<ModelJob, { type: "call" }>["method"];

/** A picture of a call: how to read it, and where from. */
interface Given {
  readonly source: PictureSource;
  readonly read: ReadSent;
}

export class ThreadRunner implements ModelRunner<PictureSource> {
  readonly info: ModelInfo;
  readonly fitsPictures: boolean;
  private readonly pool: Pool;
  private readonly options: ThreadRunnerOptions;
  private readonly workers: number;
  private readonly turns: Turns;
  private lastDevice: Device;
  private local: Promise<{ members: readonly Member[]; backend: Backend }> | undefined;
  private disposed = false;

  private constructor(pool: Pool, { info, device, fitsPictures }: Facts, options: ThreadRunnerOptions) {
    this.pool = pool;
    this.info = info;
    this.fitsPictures = fitsPictures;
    this.lastDevice = device;
    this.options = options;
    this.workers = options.workers ?? 1;
    this.turns = new Turns(Math.max(MOST_READ, AHEAD * this.workers));
  }

  /** Opens the model in the pool's first thread. @throws what opening it throws. */
  static async open(pool: Pool, options: ThreadRunnerOptions): Promise<ThreadRunner> {
    const answer = await pool.run({ type: "facts" });
    invariant(answer.kind === "facts", `${answer.kind} in answer to facts`);
    const { device } = answer;
    const { workers = 1, onNote } = options;
    if (workers === 1 || computesOnCores(device.name)) {
      return new ThreadRunner(pool, answer, options);
    }
    onNote?.(`workers: ${device.name} has one device, and one worker keeps it busy`);
    pool.limit(1);
    return new ThreadRunner(pool, answer, { ...options, workers: 1 });
  }

  /** As of the last answer. */
  get device(): Device {
    return this.lastDevice;
  }

  get members(): readonly Member[] {
    throw new UnsupportedError(
      "members: the networks of this model are in a worker thread; use await model.openMembers(), or load it with { worker: false }",
    );
  }

  async openMembers(): Promise<readonly Member[]> {
    const { seed, threads, names } = this.options;
    this.local ??= openSeed(seed, { threads, names });
    return (await this.local).members;
  }

  async detectOne(source: PictureSource, options: ResolvedOptions): Promise<Result> {
    return (await this.detectGroup([{ source, read: capture(source) }], options, true))[0];
  }

  async detectList(sources: readonly PictureSource[], options: ResolvedOptions): Promise<Result[]> {
    const given = sources.map((source) => ({ source, read: capture(source) }));
    // One shape for all pictures of the list, or as many in a job as share a forward pass.
    const size = options.fit === "autoshape" ? Math.max(1, given.length) : options.batchSize;
    const own = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
    const jobs: Promise<Result[]>[] = [];
    for (let start = 0; start < given.length; start += size) {
      const job = this.detectGroup(given.slice(start, start + size), { ...options, signal }, start === 0);
      // Awaited in its turn.
      job.catch(() => undefined);
      jobs.push(job);
    }
    const results: Result[] = [];
    try {
      for (const job of jobs) results.push(...(await job));
    } finally {
      // The others are of no use after an error.
      own.abort();
    }
    return results;
  }

  /** @param first whether warnings about the options are passed on. */
  private async detectGroup(given: readonly Given[], options: ResolvedOptions, first: boolean): Promise<Result[]> {
    const { signal } = options;
    const turn = this.turns.take(signal);
    try {
      const pictures: SentPicture[] = [];
      const savers: ResultSaver[] = [];
      for (const item of given) {
        const { content, saver } = await this.read(item, options, turn.begin);
        pictures.push(content);
        savers.push(saver);
      }
      const answer = await this.run({ type: "detect", pictures, options: sendable(options), first }, options);
      invariant(answer.kind === "outcomes", `${answer.kind} in answer to detect`);
      return answer.outcomes.map((outcome, n) => resultOf(outcome, this.info.names, savers[n]));
    } finally {
      turn.end();
    }
  }

  async outcome(source: PictureSource, options: ResolvedOptions): Promise<Outcome> {
    const { content: picture } = await this.read({ source, read: capture(source) }, options);
    const job: ModelJob = { type: "detect", pictures: [picture], options: sendable(options), first: true };
    const answer = await this.run(job, options);
    invariant(answer.kind === "outcomes", `${answer.kind} in answer to detect`);
    return answer.outcomes[0];
  }

  async predict(source: PictureSource, options: ResolvedOptions): Promise<Prediction> {
    const given = { source, read: capture(source) };
    const { content: picture, saver } = await this.read(given, options);
    const answer = await this.run({ type: "predict", picture, options: sendable(options) }, options);
    invariant(answer.kind === "prediction", `${answer.kind} in answer to predict`);
    return new Prediction(this.info, answer.prediction, saver);
  }

  stream(
    frames: AsyncIterable<PictureSource> | Iterable<PictureSource>,
    options: ResolvedOptions,
  ): AsyncGenerator<Result> {
    const begin = async (frame: PictureSource): Promise<Begun<Result>> => {
      this.check();
      return { result: this.detectOne(frame, options) };
    };
    const most = this.options.workers === undefined ? undefined : AHEAD * this.workers;
    return inOrder(frames, begin, { most, signal: options.signal });
  }

  forward(input: HostTensor): Promise<HostTensor[]> {
    return this.call("forward", [input]);
  }

  /** Of all workers. */
  async warmup(imgsz: ImageSize, batch: number): Promise<void> {
    count(batch, "warmup: batch");
    await Promise.all(Array.from({ length: this.workers }, () => this.call("warmup", [imgsz, batch])));
  }

  tune({ onProgress, onReport, signal, ...plain }: Parameters<ModelRunner<PictureSource>["tune"]>[0]): Promise<void> {
    return this.call("tune", [plain], { signal, onEvent: tuneEvents({ onProgress, onReport }) });
  }

  tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    return this.call("tap", [names, input]);
  }

  profile(input: HostTensor): Promise<NodeTiming[]> {
    return this.call("profile", [input]);
  }

  memory(imgsz: ImageSize, batch: number): Promise<NetworkMemory> {
    return this.call("memory", [imgsz, batch]);
  }

  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean }): Promise<CandidateOutputs> {
    return this.call("inferRows", [input, options]);
  }

  dispose(): void {
    this.disposed = true;
    this.pool.dispose();
    this.local?.then(
      ({ members, backend }) => {
        for (const { network } of members) network.dispose();
        backend.dispose();
      },
      () => undefined,
    );
  }

  private read(
    { source, read }: Given,
    { maxPixels = this.options.maxPixels, signal }: ResolvedOptions,
    begin?: () => Promise<void>,
  ) {
    return withSaver(source, maxPixels, () => read({ begin, signal }));
  }

  private async call<T>(method: Method, args: readonly unknown[], options: JobOptions = {}): Promise<T> {
    const answer = await this.send({ type: "call", method, args }, options);
    invariant(answer.kind === "value", `${answer.kind} in answer to ${method}`);
    return answer.value as T;
  }

  private run(job: ModelJob, { signal, onWarning, onSlice }: ResolvedOptions): Promise<ModelAnswer> {
    const onEvent = (event: unknown): void => {
      const message = event as ModelEvent;
      if (message.kind === "warning") onWarning(message.text);
      if (message.kind === "slice") onSlice(message.progress);
    };
    return this.send(job, { signal, onEvent });
  }

  private async send(job: ModelJob, options: JobOptions): Promise<ModelAnswer> {
    this.check();
    try {
      const answer = await this.pool.run(job, options);
      this.lastDevice = answer.device;
      return answer;
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "DataCloneError") throw error;
      const what = job.type === "call" ? job.method : job.type;
      throw new OptionError(`${what}: a worker thread takes plain values only: ${error.message}`);
    }
  }

  /** @throws DisposedError. */
  private check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }
}

/** What tells of tuning, as events. */
export function tuneEvents({ onProgress, onReport }: Pick<TuneOptions, "onProgress" | "onReport">) {
  return (given: unknown): void => {
    const event = given as ModelEvent;
    if (event.kind === "progress") onProgress?.(event.progress);
    if (event.kind === "report") onReport?.(event.report);
  };
}

/** Without functions, which cannot be sent. */
function sendable({ signal: _, onWarning: __, onSlice: ___, ...options }: ResolvedOptions): SentOptions {
  return options;
}
