/**
 * The model in its worker: loading, switching backends, and the picture's prediction, to which thresholds are
 * applied.
 */

import {
  type BackendChoice,
  loadInWorker,
  type NodeTiming,
  type OnProgress,
  type PictureSource,
  type Result,
  type Thresholds,
  type WeightSource,
  type WorkerModel,
  type WorkerPrediction,
} from "yolov5-ts";
import { superseded } from "./lane.js";

export interface LoadHooks {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  readonly onNote: (note: string) => void;
  /** Called when the file has been read; the network is compiled next. */
  readonly onRead: () => void;
}

export interface PredictHooks {
  readonly signal: AbortSignal;
  readonly show: (result: Result) => void;
  readonly onWarning: (text: string) => void;
  readonly onSlice: (progress: { readonly done: number; readonly total: number }) => void;
}

/** How a picture goes into the network. */
export interface Input {
  /** Input size in pixels. */
  readonly imgsz: number;
  /** Side of the windows in picture pixels; undefined: only the whole picture. */
  readonly slice: number | undefined;
}

export class Session {
  private model: WorkerModel | undefined;
  private prediction: WorkerPrediction | undefined;
  private selecting = false;
  private stale = false;

  get current(): WorkerModel | undefined {
    return this.model;
  }

  /**
   * Loads a model, runs it once and replaces the current one, which keeps working meanwhile and stays on failure.
   * @param size input size of the compiling run, so that compilation does not count towards the picture's time;
   * classification has its own size.
   */
  async load(source: WeightSource, backend: BackendChoice, size: number, hooks: LoadHooks): Promise<WorkerModel> {
    const { signal, onProgress, onNote, onRead } = hooks;
    const model = await loadInWorker(source, { backend, signal, onProgress, onNote });
    const end = (): void => model.dispose();
    signal.addEventListener("abort", end);
    try {
      signal.throwIfAborted();
      onRead();
      // The reference compiles nothing and is slow.
      if (model.device.name !== "cpu") await model.warmup(model.task === "classify" ? 224 : Math.min(size, 640));
      signal.throwIfAborted();
    } catch (error) {
      end();
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
    this.prediction = undefined;
    const before = this.model;
    this.model = model;
    before?.dispose();
    return model;
  }

  /**
   * Runs the network on a picture and returns the result, updated if thresholds changed meanwhile. The outputs stay
   * in the worker for `select`; those of slices do not.
   */
  async predict(source: PictureSource, input: Input, read: () => Thresholds, hooks: PredictHooks): Promise<void> {
    const { model } = this;
    if (!model) return;
    this.forget();
    const { signal, show, onWarning, onSlice } = hooks;
    const { imgsz, slice } = input;
    const asked = read();
    if (slice !== undefined) {
      show(await this.counting(model, model.detect(source, { imgsz, slice, ...asked, onWarning, onSlice, signal })));
      return;
    }
    const prediction = await this.counting(model, model.predict(source, { imgsz, ...asked, onWarning }));
    if (signal.aborted) {
      prediction.dispose();
      throw signal.reason;
    }
    this.prediction = prediction;
    show(prediction.first);
    if (JSON.stringify(asked) !== JSON.stringify(read())) await this.select(read, show);
  }

  /** Detects in one video frame, which is transferred; undefined if a newer frame replaced it. */
  async frame(source: PictureSource, input: Input, thresholds: Thresholds): Promise<Result | undefined> {
    const { model } = this;
    if (model) return this.counting(model, model.detectLatest(source, { ...input, ...thresholds, transfer: true }));
    if (typeof VideoFrame !== "undefined" && source instanceof VideoFrame) source.close();
    return undefined;
  }

  /** Applies thresholds to the picture's prediction. Of the calls made while one runs, only the newest is answered. */
  async select(read: () => Thresholds, show: (result: Result) => void): Promise<void> {
    this.stale = true;
    if (this.selecting) return;
    this.selecting = true;
    try {
      while (this.stale && this.prediction && this.model) {
        this.stale = false;
        const { prediction, model } = this;
        const result = await this.counting(model, prediction.result(read()));
        if (this.prediction === prediction) show(result);
      }
    } finally {
      this.selecting = false;
    }
  }

  /** The time of each layer for an empty picture of `size` × `size` pixels. */
  async profile(size: number): Promise<readonly NodeTiming[] | undefined> {
    const { model } = this;
    if (!model) return undefined;
    const side = model.task === "classify" ? 224 : size;
    const data = new Float32Array(3 * side * side);
    return this.counting(model, model.profile({ dtype: "float32", shape: [1, 3, side, side], data }));
  }

  forget(): void {
    this.prediction?.dispose();
    this.prediction = undefined;
  }

  /** Passes on an answer unless its model has been replaced meanwhile. */
  private async counting<T>(model: WorkerModel, answer: Promise<T>): Promise<T> {
    try {
      const value = await answer;
      if (this.model === model) return value;
    } catch (error) {
      if (this.model === model) throw error;
    }
    throw superseded();
  }
}
