/** The public model: pictures in, results out. One network, or several as an ensemble. */

import { DisposedError, OptionError } from "../errors.js";
import type { CandidateOutputs, NodeTiming, TuneOptions } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { AbortListeners, untilAborted } from "./calls/abort.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import type { Member } from "./ensemble.js";
import type { NetworkInput } from "./input/preprocess.js";
import type { NetworkMemory } from "./network.js";
import { type DetectOptions, resolveOptions } from "./options.js";
import type { Outcome, Result } from "./output/outcome.js";
import type { Prediction } from "./output/prediction.js";
import type { Device, ModelRunner } from "./runner.js";

export type { Member } from "./ensemble.js";
export type { PictureReader } from "./localRunner.js";
export type { Result } from "./output/outcome.js";

/** A loaded model: pictures in, results out. Returned by `load`. */
export class Model<Source = unknown> {
  readonly info: ModelInfo;
  private readonly runner: ModelRunner<Source>;
  private readonly aborts = new AbortListeners();
  private disposed = false;

  /** @param runner runs the model: on this thread (`LocalRunner`), or in worker threads. */
  constructor(runner: ModelRunner<Source>) {
    this.runner = runner;
    this.info = this.runner.info;
  }

  get task(): ModelInfo["task"] {
    return this.info.task;
  }

  get names(): readonly string[] {
    return this.info.names;
  }

  /** The device: `{ name: "webgpu", adapter: "NVIDIA H100", dtype: "float32" }`. */
  get device(): Device {
    return this.runner.device;
  }

  /**
   * The networks: one, or those of an ensemble.
   * @throws UnsupportedError for a model that runs in worker threads; use `openMembers` there.
   */
  get members(): readonly Member[] {
    return this.runner.members;
  }

  /**
   * The networks on the calling thread, for `quantize` and `verifyModel`: those of `members`. A model that runs in
   * worker threads opens its files once more for this; `dispose` releases these networks too.
   */
  async openMembers(): Promise<readonly Member[]> {
    this.check();
    return this.runner.openMembers();
  }

  /**
   * Detects objects (or classifies) in one picture or in a list.
   * @param source anything that the platform's entry reads: path, URL, bytes, raw pixels …
   * @returns one result per picture, in the given order.
   * @throws ImageError, OptionError, DeviceError, DisposedError; the reason of `signal`.
   */
  async detect(source: readonly Source[], options?: DetectOptions): Promise<Result[]>;
  async detect(source: Source, options?: DetectOptions): Promise<Result>;
  async detect(source: Source | readonly Source[], options: DetectOptions = {}): Promise<Result | Result[]> {
    this.check();
    // Checked before the first picture is read.
    const resolved = resolveOptions(options, this.info);
    const work = (signal: AbortSignal | undefined): Promise<Result | Result[]> => {
      const given = { ...resolved, signal };
      return Array.isArray(source)
        ? this.runner.detectList(source as readonly Source[], given)
        : this.runner.detectOne(source as Source, given);
    };
    return untilAborted(resolved.signal, work, this.aborts.on);
  }

  /**
   * Runs the network on one picture and keeps its raw outputs, so that thresholds can be changed afterwards.
   * @param options `imgsz`, `fit`, `augment`, `signal`; pass thresholds to `result`.
   * @throws like `detect`; OptionError for `slice`, because every window has its own outputs.
   */
  async predict(source: Source, options: DetectOptions = {}): Promise<Prediction> {
    this.check();
    const resolved = resolveOptions(options, this.info);
    if (resolved.slice) {
      throw new OptionError("predict keeps the outputs of one input, and slice runs many; use detect with slice");
    }
    const work = (signal: AbortSignal | undefined): Promise<Prediction> =>
      this.runner.predict(source, { ...resolved, signal });
    return untilAborted(resolved.signal, work, this.aborts.on);
  }

  /** `detect` for one picture whose result is assembled elsewhere, for example in the page of a worker. */
  async outcome(source: Source, options: DetectOptions = {}): Promise<Outcome> {
    this.check();
    const resolved = resolveOptions(options, this.info);
    const work = (signal: AbortSignal | undefined): Promise<Outcome> =>
      this.runner.outcome(source, { ...resolved, signal });
    return untilAborted(resolved.signal, work, this.aborts.on);
  }

  /**
   * Results for frames as they arrive, in order, none dropped. While the device works on one frame, the next is read
   * and sent after it; at most two frames are read ahead of the next result, with `workers` three per worker. A frame's
   * memory may be reused when the next one is requested. An error of the source follows the results of the frames
   * before it. A loop that ends early closes the source. Aborting `signal` ends it between two results and closes the
   * source too.
   */
  async *stream(frames: AsyncIterable<Source> | Iterable<Source>, options: DetectOptions = {}): AsyncGenerator<Result> {
    yield* this.runner.stream(frames, resolveOptions(options, this.info));
  }

  /**
   * The network's raw outputs.
   * @param input [N, 3, H, W] float32, RGB, 0 to 1; sides multiples of the stride.
   * @returns detection: [N, rows, 5 + classes] (xywh in input pixels, sigmoid applied); segmentation: the same with
   * 32 mask coefficients per row, and the prototypes [N, 32, H/4, W/4]; classification: logits [N, classes]. An
   * ensemble returns the rows of all members.
   */
  async forward(input: HostTensor): Promise<HostTensor[]> {
    return this.runner.forward(input);
  }

  /**
   * Compiles and runs once for an input size (rounded up as in `detect`), so that the first picture is as fast as later
   * ones.
   */
  async warmup(imgsz?: number | readonly [number, number], batch = 1): Promise<void> {
    return this.runner.warmup(imgsz, batch);
  }

  /**
   * Measures which kernels are fastest on this device for an input size and uses them from then on, if the backend
   * has a choice (WebGPU). The size is rounded up as in `detect`; note that with `fit: "rect"`, `detect` uses a size
   * per picture. Runs continue meanwhile. Node saves the choice for later runs.
   * @throws the signal's reason.
   */
  async tune(
    options: TuneOptions & { readonly imgsz?: number | readonly [number, number]; readonly batch?: number } = {},
  ): Promise<void> {
    this.check();
    return this.runner.tune(options);
  }

  /**
   * Outputs of named modules (`model.9`, `model.9.cv1`) for one input, NCHW. For an ensemble, those of its first
   * member.
   */
  async tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    return this.runner.tap(names, input);
  }

  /** The time of every node in one forward pass. For an ensemble, that of its first member. */
  async profile(input: HostTensor): Promise<NodeTiming[]> {
    return this.runner.profile(input);
  }

  /**
   * Device memory of all members together: for one input size (rounded up as in `detect`), the part shared with other
   * sizes, and the total for all compiled sizes. With `workers`, that of one of them.
   */
  async memory(imgsz?: number | readonly [number, number], batch = 1): Promise<NetworkMemory> {
    return this.runner.memory(imgsz, batch);
  }

  /** Releases the device and all plans, and ends worker threads; later calls throw DisposedError. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.runner.dispose();
  }

  /** Whether `inferRows` should be given pictures in place of a tensor. */
  get fitsPictures(): boolean {
    return this.runner.fitsPictures;
  }

  /**
   * Like `forward`, for detection and segmentation models and NMS at a confidence of at least `conf`: only
   * the rows that can become boxes, or all rows if the backend cannot select them.
   */
  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean } = {}): Promise<CandidateOutputs> {
    return this.runner.inferRows(input, options);
  }

  /** @throws DisposedError. */
  private check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }
}
