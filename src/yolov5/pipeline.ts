/** Decoded pictures → results: brought to the network's size, run in batches of one size, suppressed. */

import { Breather } from "../breathe.js";
import type { Backend } from "../runtime/backend.js";
import { throwIfAborted } from "./calls/abort.js";
import type { Ensemble } from "./ensemble.js";
import type { Picture } from "./input/pictures.js";
import { type FittedPicture, type PlannedPicture, Preprocessor } from "./input/preprocess.js";
import type { ResolvedOptions } from "./options.js";
import { outcomesOf, pictureFacts, type Result, resultOf } from "./output/outcome.js";
import { Prediction } from "./output/prediction.js";

/** Inputs of so many pixels are compiled for before a picture is brought to their size. */
const LARGE_PIXELS = 2048 * 2048;

export class Pipeline {
  readonly preprocessor: Preprocessor;
  private readonly ensemble: Ensemble;
  private readonly breather = new Breather();
  /** When the network was last done with a batch. */
  private ranAt = 0;

  constructor(ensemble: Ensemble, backend: Backend) {
    this.ensemble = ensemble;
    this.preprocessor = new Preprocessor(ensemble.info, backend);
  }

  /** @returns one result a picture, in the order given. */
  async detect(pictures: readonly Picture[], options: ResolvedOptions): Promise<Result[]> {
    const { task } = this.ensemble.info;
    if (pictures.length === 0) return [];
    if (options.augment && task !== "detect") {
      options.onWarning(`augment is ignored: test-time augmentation is for detection, this is a ${task} model`);
    }
    for (const picture of pictures) warn(picture, options);
    const planned = this.preprocessor.plan(pictures, options);
    await this.heed(options.signal);
    await this.compileLarge(planned);
    const fitted = planned.map(({ make }) => make());
    const results: Result[] = [];
    for (let start = 0; start < fitted.length; ) {
      const first = fitted[start];
      let end = start + 1;
      // Neighbours of one input size share a forward pass.
      while (end < fitted.length && end - start < options.batchSize && sameSize(fitted[end], first)) end++;
      await this.heed(options.signal);
      results.push(...(await this.runBatch(fitted.slice(start, end), options)));
      start = end;
    }
    return results;
  }

  /** The network's raw outputs for one picture. */
  async predict(picture: Picture, options: ResolvedOptions): Promise<Prediction> {
    warn(picture, options);
    const started = performance.now();
    const input = this.preprocessor.input(this.preprocessor.plan([picture], options).map(({ make }) => make()));
    const ready = performance.now();
    const outputs = await this.ensemble.infer(input, options);
    const speed = { preprocess: ready - started, inference: performance.now() - ready };
    return new Prediction(this.ensemble.info, picture, input.shape, outputs, speed);
  }

  /** Backends that compute on this thread let nothing in between by themselves, so that a signal would never be heard. */
  async heed(signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return;
    await this.breather.rest();
    throwIfAborted(signal);
  }

  /** Compiles for inputs so large that the device may have no memory for them, before pictures are made that large. */
  private async compileLarge(planned: readonly PlannedPicture[]): Promise<void> {
    const [largest] = planned.map(({ size }) => size).sort((a, b) => b[0] * b[1] - a[0] * a[1]);
    if (largest[0] * largest[1] < LARGE_PIXELS) return;
    await this.ensemble.compile([1, 3, ...largest]);
  }

  private async runBatch(batch: readonly FittedPicture[], options: ResolvedOptions): Promise<Result[]> {
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
    // Not the time in which the device worked on a frame before.
    const began = Math.max(ready, this.ranAt);
    this.ranAt = ran;
    const inference = (ran - began) / batch.length;
    const pictures = batch.map(({ picture, ms }) => ({
      facts: pictureFacts(picture),
      speed: { preprocess: ms + preprocess, inference },
    }));
    const outcomes = outcomesOf(pictures, input.shape, outputs, info, options);
    return outcomes.map((outcome, n) => resultOf(outcome, info.names, batch[n].picture.saver));
  }
}

function warn({ warnings = [] }: Picture, { onWarning }: ResolvedOptions): void {
  for (const warning of warnings) onWarning(warning);
}

function sameSize(a: FittedPicture, b: FittedPicture): boolean {
  return a.size[0] === b.size[0] && a.size[1] === b.size[1];
}
