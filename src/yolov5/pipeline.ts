/** Decoded pictures → results: resizes to the network's input, runs batches of one size, suppresses. */

import { Breather } from "../breathe.js";
import type { Backend } from "../runtime/backend.js";
import { throwIfAborted } from "./calls/abort.js";
import type { Ensemble } from "./ensemble.js";
import type { Picture } from "./input/pictures.js";
import { type FittedPicture, type PlannedPicture, Preprocessor } from "./input/preprocess.js";
import type { ResolvedOptions } from "./options.js";
import { type Outcome, outcomesOf, pictureFacts, type Result, resultOf } from "./output/outcome.js";
import { Prediction, type PredictionData } from "./output/prediction.js";
import { type SliceRunner, slicedOutcome } from "./slices/slicedRun.js";

/** For inputs with more pixels than this, the network is compiled before a picture is resized. */
const LARGE_PIXELS = 2048 * 2048;

export class Pipeline {
  readonly preprocessor: Preprocessor;
  private readonly ensemble: Ensemble;
  private readonly breather = new Breather();
  /** When the network last finished a batch. */
  private ranAt = 0;

  constructor(ensemble: Ensemble, backend: Backend) {
    this.ensemble = ensemble;
    this.preprocessor = new Preprocessor(ensemble.info, backend);
  }

  /** @returns one result per picture, in the given order. */
  async detect(pictures: readonly Picture[], options: ResolvedOptions): Promise<Result[]> {
    const outcomes = await this.outcomes(pictures, options);
    return outcomes.map((outcome, n) => resultOf(outcome, this.ensemble.info.names, pictures[n].saver));
  }

  /** `detect` for results that are assembled elsewhere. */
  async outcomes(pictures: readonly Picture[], options: ResolvedOptions): Promise<Outcome[]> {
    const { task } = this.ensemble.info;
    if (pictures.length === 0) return [];
    if (options.augment && task !== "detect") {
      options.onWarning(`augment is ignored: test-time augmentation is for detection, but this is a ${task} model`);
    }
    for (const picture of pictures) warn(picture, options);
    const { slice } = options;
    if (!slice) return this.run(pictures, options);
    if (task === "classify") {
      options.onWarning("slice is ignored: a classification model has no boxes to merge");
      return this.run(pictures, options);
    }
    const runner: SliceRunner = {
      names: this.ensemble.info.names,
      input: this.preprocessor.inputSize(options.imgsz),
      run: (views, own) => this.run(views, own),
    };
    const outcomes: Outcome[] = [];
    for (const picture of pictures) outcomes.push(await slicedOutcome(picture, slice, options, runner));
    return outcomes;
  }

  private async run(pictures: readonly Picture[], options: ResolvedOptions): Promise<Outcome[]> {
    const planned = this.preprocessor.plan(pictures, options);
    await this.heed(options.signal);
    await this.compileLarge(planned);
    const fitted = planned.map(({ make }) => make());
    const outcomes: Outcome[] = [];
    for (let start = 0; start < fitted.length; ) {
      const first = fitted[start];
      let end = start + 1;
      // Consecutive pictures with the same input size share a forward pass.
      while (end < fitted.length && end - start < options.batchSize && sameSize(fitted[end], first)) end++;
      await this.heed(options.signal);
      outcomes.push(...(await this.runBatch(fitted.slice(start, end), options)));
      start = end;
    }
    return outcomes;
  }

  /** The network's raw outputs for one picture. */
  async predict(picture: Picture, options: ResolvedOptions): Promise<Prediction> {
    return new Prediction(this.ensemble.info, await this.predictionData(picture, options), picture.saver);
  }

  /** `predict` for predictions that are assembled elsewhere. */
  async predictionData(picture: Picture, options: ResolvedOptions): Promise<PredictionData> {
    warn(picture, options);
    const started = performance.now();
    const input = this.preprocessor.input(this.preprocessor.plan([picture], options).map(({ make }) => make()));
    const ready = performance.now();
    const outputs = await this.ensemble.infer(input, options);
    const speed = { preprocess: ready - started, inference: performance.now() - ready };
    return { facts: pictureFacts(picture), input: input.shape, outputs, speed };
  }

  /** Backends that compute on this thread never yield by themselves, so a signal would never be noticed. */
  async heed(signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return;
    await this.breather.rest();
    throwIfAborted(signal);
  }

  /** Compiles first for inputs that may be too large for the device's memory, before pictures are resized. */
  private async compileLarge(planned: readonly PlannedPicture[]): Promise<void> {
    const [largest] = planned.map(({ size }) => size).sort((a, b) => b[0] * b[1] - a[0] * a[1]);
    if (largest[0] * largest[1] < LARGE_PIXELS) return;
    await this.ensemble.compile([1, 3, ...largest]);
  }

  private async runBatch(batch: readonly FittedPicture[], options: ResolvedOptions): Promise<Outcome[]> {
    const { ensemble } = this;
    const { info } = ensemble;
    const started = performance.now();
    const input = this.preprocessor.input(batch);
    const preprocess = (performance.now() - started) / batch.length;
    for (const { network } of ensemble.members) await network.tuneFirst(input.shape);
    const ready = performance.now();
    const outputs =
      info.task === "classify"
        ? { logits: (await ensemble.infer(input, options))[0] }
        : await ensemble.inferRows(input, options);
    const ran = performance.now();
    // Does not count the time spent on an earlier frame.
    const began = Math.max(ready, this.ranAt);
    this.ranAt = ran;
    const inference = (ran - began) / batch.length;
    const pictures = batch.map(({ picture, ms }) => ({
      facts: pictureFacts(picture),
      speed: { preprocess: ms + preprocess, inference },
    }));
    return outcomesOf(pictures, input.shape, outputs, info, options);
  }
}

function warn({ warnings = [] }: Picture, { onWarning }: ResolvedOptions): void {
  for (const warning of warnings) onWarning(warning);
}

function sameSize(a: FittedPicture, b: FittedPicture): boolean {
  return a.size[0] === b.size[0] && a.size[1] === b.size[1];
}
