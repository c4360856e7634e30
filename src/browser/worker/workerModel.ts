/** The page's side of a model in a worker, with the interface of `Model`. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource } from "../../api/sources.js";
import { DisposedError, invariant } from "../../errors.js";
import type { NodeTiming } from "../../runtime/backend.js";
import type { HostTensor } from "../../tensor/index.js";
import { onAbort, signalOf, throwIfAborted } from "../../yolov5/calls/abort.js";
import { type Begun, inOrder } from "../../yolov5/calls/inOrder.js";
import type { ModelInfo } from "../../yolov5/checkpoint/modelInfo.js";
import type { Result } from "../../yolov5/model.js";
import type { NetworkMemory } from "../../yolov5/network.js";
import type { DetectOptions } from "../../yolov5/options.js";
import { type Outcome, resultOf } from "../../yolov5/output/outcome.js";
import type { Thresholds } from "../../yolov5/output/prediction.js";
import type { Device, PlainMethod } from "../../yolov5/runner.js";
import { Connection } from "./connection.js";
import { Connections } from "./connections.js";
import type { Request } from "./protocol.js";
import type { Started } from "./started.js";
import { closeGiven, toSend } from "./transfer.js";

/** Options of a model that runs in a worker. */
export interface WorkerDetectOptions extends DetectOptions {
  /**
   * Transfer an ImageBitmap, VideoFrame or buffer instead of copying it; the caller cannot use it afterwards. Default
   * false.
   */
  readonly transfer?: boolean | undefined;
}

/** A picture's raw outputs, kept in the worker. */
export interface WorkerPrediction {
  /** The result for the options of `predict`. */
  readonly first: Result;
  /** Runs NMS with other thresholds, without running the network. */
  result(options?: Thresholds): Promise<Result>;
  /** Releases the outputs in the worker. */
  dispose(): void;
}

interface Waiting {
  readonly source: PictureSource;
  readonly options: WorkerDetectOptions;
  readonly settle: (result: Result | undefined | Promise<Result>) => void;
}

type LoadRequest = Omit<Extract<Request, { type: "load" }>, "type">;

/**
 * A model in a worker: the methods of `Model`, answered in the order of the calls. With several workers, overlapping calls are
 * answered as they finish.
 */
export class WorkerModel {
  readonly info: ModelInfo;
  private readonly connections: Connections;
  private busy = false;
  private waiting: Waiting | undefined;

  private constructor(connection: Connection, info: ModelInfo) {
    this.connections = new Connections(connection);
    this.info = info;
  }

  /** Loads the model in a started worker; ends the worker if that fails or is aborted. */
  static async open(
    started: Started,
    request: LoadRequest,
    options: Pick<LoadOptions, "signal" | "onProgress" | "onNote">,
  ): Promise<WorkerModel> {
    const { connection, info } = await WorkerModel.connect(started, request, options);
    return new WorkerModel(connection, info);
  }

  /**
   * Loads the model in another started worker, for overlapping requests.
   * @internal
   */
  async addWorker(started: Started, request: LoadRequest, signal: AbortSignal | undefined): Promise<void> {
    this.connections.add((await WorkerModel.connect(started, request, { signal })).connection);
  }

  private static async connect(
    started: Started,
    request: LoadRequest,
    options: Pick<LoadOptions, "signal" | "onProgress" | "onNote">,
  ): Promise<{ readonly connection: Connection; readonly info: ModelInfo }> {
    const { signal } = options;
    const connection = new Connection(started, options);
    const stopListening = onAbort(signal, (reason) => connection.close(reason));
    try {
      throwIfAborted(signal);
      const answer = await connection.ask({ type: "load", ...request });
      invariant(answer.kind === "loaded", `${answer.kind} in answer to load`);
      return { connection, info: answer.info };
    } catch (error) {
      connection.close(error);
      throw error;
    } finally {
      stopListening();
    }
  }

  get task(): ModelInfo["task"] {
    return this.info.task;
  }

  get names(): readonly string[] {
    return this.info.names;
  }

  /** The device, as of the last answer: a lost device may have been replaced. */
  get device(): Device {
    return this.connections.first.device;
  }

  /** Like `Model.detect`. Overlapping calls are answered in order. */
  async detect(source: readonly PictureSource[], options?: WorkerDetectOptions): Promise<Result[]>;
  async detect(source: PictureSource, options?: WorkerDetectOptions): Promise<Result>;
  async detect(
    source: PictureSource | readonly PictureSource[],
    options: WorkerDetectOptions = {},
  ): Promise<Result | Result[]> {
    if (!Array.isArray(source)) return this.detectOne(source as PictureSource, options);
    return Promise.all(source.map((item: PictureSource) => this.detectOne(item, options)));
  }

  /**
   * For video: runs at once if the worker is idle; otherwise waits until a newer call replaces it. Pixels of elements
   * are read only when their turn comes.
   * @returns the result, or undefined if a newer frame replaced this one.
   */
  detectLatest(source: PictureSource, options: WorkerDetectOptions = {}): Promise<Result | undefined> {
    return new Promise((settle) => {
      let stopListening = (): void => undefined;
      const frame: Waiting = {
        source,
        options,
        settle: (result) => {
          stopListening();
          settle(result);
        },
      };
      const signal = signalOf(options.signal);
      this.drop(undefined);
      this.waiting = frame;
      stopListening = onAbort(signal, (reason) => {
        if (this.waiting === frame) this.drop(Promise.reject(reason));
      });
      this.next();
    });
  }

  /** Results for frames as they arrive, in order, none dropped. */
  async *stream(
    frames: AsyncIterable<PictureSource> | Iterable<PictureSource>,
    options: WorkerDetectOptions = {},
  ): AsyncGenerator<Result> {
    // With several workers the next frame is read while others are in work, once the pixels of this one are taken.
    const begin = (frame: PictureSource): Promise<Begun<Result>> =>
      new Promise((resolve) => {
        const result = this.detectOne(frame, options, () => resolve({ result }));
        result.catch(() => resolve({ result }));
      });
    const { count } = this.connections;
    yield* inOrder(frames, begin, { most: count === 1 ? 1 : 2 * count, signal: options.signal });
  }

  /** Runs the network and keeps its outputs in the worker, so that thresholds can be changed afterwards. */
  async predict(source: PictureSource, options: WorkerDetectOptions = {}): Promise<WorkerPrediction> {
    const connection = this.connections.idlest();
    const { id, outcome } = await this.send(connection, source, options, { keep: true });
    return {
      first: this.toResult(outcome),
      result: async (thresholds = {}) => {
        const answer = await connection.ask({ type: "select", prediction: id, options: thresholds });
        return this.toResult(answer.kind === "outcome" ? answer.outcome : outcome);
      },
      dispose: () => {
        void connection.ask({ type: "release", prediction: id }).catch(() => undefined);
      },
    };
  }

  /** Like `Model.forward`. */
  forward(input: HostTensor): Promise<HostTensor[]> {
    return this.call("forward", input);
  }

  /** Like `Model.warmup`, in every worker. */
  async warmup(imgsz?: number | readonly [number, number], batch = 1): Promise<void> {
    await this.connections.each((connection) =>
      connection.ask({ type: "call", method: "warmup", args: [imgsz, batch] }),
    );
  }

  /** Like `Model.tap`. */
  tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    return this.call("tap", names, input);
  }

  /** Like `Model.profile`. */
  profile(input: HostTensor): Promise<NodeTiming[]> {
    return this.call("profile", input);
  }

  /** Like `Model.memory`. */
  memory(imgsz?: number | readonly [number, number], batch = 1): Promise<NetworkMemory> {
    return this.call("memory", imgsz, batch);
  }

  /** Ends the worker. Pending calls reject with DisposedError. */
  dispose(): void {
    this.connections.close(new DisposedError("the model"));
    this.drop(undefined);
  }

  /** Resolves the waiting frame, if any, without detecting in it. */
  private drop(result: undefined | Promise<never>): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (!waiting) return;
    closeGiven(waiting.source, waiting.options.transfer);
    waiting.settle(result);
  }

  private next(): void {
    const { waiting } = this;
    if (this.busy || !waiting) return;
    this.waiting = undefined;
    this.busy = true;
    const result = this.detect(waiting.source, waiting.options);
    waiting.settle(result);
    const done = (): void => {
      this.busy = false;
      this.next();
    };
    result.then(done, done);
  }

  private async call<T>(method: PlainMethod, ...args: readonly unknown[]): Promise<T> {
    const answer = await this.connections.first.ask({ type: "call", method, args });
    return (answer.kind === "value" ? answer.value : undefined) as T;
  }

  private async detectOne(source: PictureSource, options: WorkerDetectOptions, onTaken?: () => void): Promise<Result> {
    const { outcome } = await this.send(this.connections.idlest(), source, options, { keep: false, onTaken });
    return this.toResult(outcome);
  }

  /** @param onTaken called when the caller may reuse the picture's memory. */
  private async send(
    connection: Connection,
    source: PictureSource,
    options: WorkerDetectOptions,
    { keep, onTaken }: { readonly keep: boolean; readonly onTaken?: (() => void) | undefined },
  ): Promise<{ id: number; outcome: Outcome }> {
    const { onWarning, onSlice, transfer = false, signal: wanted, ...rest } = options;
    const signal = signalOf(wanted);
    throwIfAborted(signal);
    // The place in the queue is reserved now, before the pixels are fetched, which takes longer for some sources.
    const id = connection.reserve({ onWarning, onSlice });
    const answer = await connection.askAs(
      id,
      toSend(source, transfer).then(({ value, given }) => {
        onTaken?.();
        return [{ type: "predict", source: value, options: rest, keep }, given];
      }),
      signal,
    );
    invariant(answer.kind === "outcome", `${answer.kind} in answer to predict`);
    return { id, outcome: answer.outcome };
  }

  private toResult(outcome: Outcome): Result {
    return resultOf(outcome, this.names);
  }
}
