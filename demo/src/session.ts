/** The model in its worker: loading, switching backends, the picture's prediction that thresholds are applied to. */

import {
  type BackendChoice,
  loadInWorker,
  type OnProgress,
  type PictureSource,
  type Result,
  type Thresholds,
  type WeightSource,
  type WorkerModel,
  type WorkerPrediction,
} from "yolov5-ts";

export interface LoadHooks {
  readonly onProgress: OnProgress;
  readonly onNote: (note: string) => void;
}

export class Session {
  private model: WorkerModel | undefined;
  private prediction: WorkerPrediction | undefined;
  private loading: AbortController | undefined;
  private selecting = false;
  private again: (() => void) | undefined;

  get current(): WorkerModel | undefined {
    return this.model;
  }

  /** Loads a model in place of the present one, which stays where loading fails. A newer call ends an older one. */
  async load(source: WeightSource, backend: BackendChoice, hooks: LoadHooks): Promise<WorkerModel> {
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    const model = await loadInWorker(source, { backend, signal: loading.signal, ...hooks });
    if (loading.signal.aborted) {
      model.dispose();
      throw loading.signal.reason;
    }
    this.prediction = undefined;
    this.model?.dispose();
    this.model = model;
    return model;
  }

  /** Runs the network on a picture. Its outputs stay in the worker for `select`. */
  async predict(source: PictureSource, imgsz: number, thresholds: Thresholds): Promise<Result> {
    const { model } = this;
    if (!model) throw new Error("there is no model yet");
    this.forget();
    const prediction = await model.predict(source, { imgsz, ...thresholds });
    if (this.model === model) {
      this.forget();
      this.prediction = prediction;
    }
    return prediction.first;
  }

  /** One frame of a video; undefined when a newer one took its place. */
  async frame(source: PictureSource, imgsz: number, thresholds: Thresholds): Promise<Result | undefined> {
    return this.model?.detectLatest(source, { imgsz, ...thresholds });
  }

  /**
   * Applies thresholds to the picture's prediction. While one call runs, only the newest of the others is kept.
   * @param read called when its turn comes
   */
  async select(read: () => Thresholds, show: (result: Result) => void): Promise<void> {
    const { prediction } = this;
    if (!prediction) return;
    if (this.selecting) {
      this.again = () => void this.select(read, show);
      return;
    }
    this.selecting = true;
    try {
      const result = await prediction.result(read());
      if (this.prediction === prediction) show(result);
    } finally {
      this.selecting = false;
      const { again } = this;
      this.again = undefined;
      again?.();
    }
  }

  forget(): void {
    this.prediction?.dispose();
    this.prediction = undefined;
  }
}
