/** The public model: pictures in, results out. One network, or several as an ensemble. */

import { DisposedError } from "../errors.js";
import type { Backend, CandidateOutputs, ComputeDType, NodeTiming, TuneOptions } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { AbortListeners, throwIfAborted, untilAborted } from "./calls/abort.js";
import { count } from "./calls/checks.js";
import { type Begun, inOrder } from "./calls/inOrder.js";
import { Turns } from "./calls/turns.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import { Ensemble, type Member } from "./ensemble.js";
import { closeAll, type Picture, type ReadPictureOptions, readAll } from "./input/pictures.js";
import type { NetworkInput } from "./input/preprocess.js";
import type { NetworkMemory } from "./network.js";
import { type DetectOptions, resolveOptions } from "./options.js";
import type { Result } from "./output/outcome.js";
import type { Prediction } from "./output/prediction.js";
import { Pipeline } from "./pipeline.js";

export type { Member } from "./ensemble.js";
export type { Result } from "./output/outcome.js";

/** Calls that overlap hold so many decoded pictures at once; the others wait, undecoded. */
const MOST_DECODED = 16;

/** Turns whatever the caller gives (paths, URLs, elements of a page) into pictures; the platform's entry supplies it. */
export type PictureReader<Source> = (source: Source, options?: ReadPictureOptions) => Promise<Picture>;

/** A loaded model: pictures in, results out. `load` gives one. */
export class Model<Source = unknown> {
  readonly info: ModelInfo;
  /** The networks: one, or those of an ensemble. For `quantize` and `verifyModel`. */
  readonly members: readonly Member[];
  private readonly backend: Backend;
  private readonly ensemble: Ensemble;
  private readonly pipeline: Pipeline;
  private readonly read: PictureReader<Source>;
  /** Of calls that overlap. */
  private readonly turns = new Turns(MOST_DECODED);
  private readonly aborts = new AbortListeners();
  private disposed = false;

  /** @throws OptionError when the members of an ensemble have other classes or tasks. */
  constructor(members: readonly Member[], backend: Backend, read: PictureReader<Source>) {
    this.ensemble = new Ensemble(members);
    this.members = members;
    this.info = this.ensemble.info;
    this.backend = backend;
    this.pipeline = new Pipeline(this.ensemble, backend);
    this.read = read;
  }

  get task(): ModelInfo["task"] {
    return this.info.task;
  }

  get names(): readonly string[] {
    return this.info.names;
  }

  /** What runs it: `{ name: "webgpu", adapter: "NVIDIA H100", dtype: "float32" }`. */
  get device(): { readonly name: string; readonly adapter: string; readonly dtype: ComputeDType } {
    return { name: this.backend.name, adapter: this.backend.adapter, dtype: this.members[0].network.dtype };
  }

  /**
   * Detects objects (or classifies) in one picture or in a list.
   * @param source what the platform's entry reads: path, URL, bytes, raw pixels …
   * @returns one result a picture, in the order given.
   * @throws ImageError, OptionError, DeviceError, DisposedError; the reason of `signal`.
   */
  async detect(source: readonly Source[], options?: DetectOptions): Promise<Result[]>;
  async detect(source: Source, options?: DetectOptions): Promise<Result>;
  async detect(source: Source | readonly Source[], options: DetectOptions = {}): Promise<Result | Result[]> {
    this.check();
    // Told before the first picture is read.
    const { signal } = resolveOptions(options, this.info);
    const work = (own: AbortSignal | undefined): Promise<Result | Result[]> => {
      const given = { ...options, signal: own };
      return Array.isArray(source)
        ? this.detectList(source as readonly Source[], given)
        : this.detectOne(source as Source, given);
    };
    return untilAborted(signal, work, this.aborts.on);
  }

  private async detectList(sources: readonly Source[], options: DetectOptions): Promise<Result[]> {
    const { maxPixels, signal } = options;
    const pictures = await readAll(sources, (item) => this.read(item, { maxPixels, signal }), signal);
    return this.detectPictures(pictures, options);
  }

  private async detectOne(source: Source, options: DetectOptions): Promise<Result> {
    const { maxPixels, signal } = options;
    const turn = this.turns.take(signal);
    try {
      const begin = async (): Promise<void> => {
        await turn.begin();
        this.check();
      };
      const picture = await this.read(source, { maxPixels, begin, signal });
      return (await this.detectPictures([picture], options))[0];
    } finally {
      turn.end();
    }
  }

  /** `detect` for decoded pictures; closes those that hold something. */
  private async detectPictures(pictures: readonly Picture[], options: DetectOptions): Promise<Result[]> {
    try {
      this.check();
      return await this.pipeline.detect(pictures, resolveOptions(options, this.info));
    } finally {
      closeAll(pictures);
    }
  }

  /**
   * Runs the network on one picture and keeps its raw outputs, so that thresholds can be changed afterwards.
   * @param options `imgsz`, `fit`, `augment`, `signal`; thresholds are given to `result`.
   * @throws as `detect`.
   */
  async predict(source: Source, options: DetectOptions = {}): Promise<Prediction> {
    this.check();
    const resolved = resolveOptions(options, this.info);
    const work = async (signal: AbortSignal | undefined): Promise<Prediction> => {
      const picture = await this.read(source, { maxPixels: options.maxPixels, signal });
      try {
        throwIfAborted(signal);
        return await this.pipeline.predict(picture, resolved);
      } finally {
        picture.close?.();
      }
    };
    return untilAborted(resolved.signal, work, this.aborts.on);
  }

  /**
   * Results for frames as they come, in order, none dropped. While the device works on one frame, the next is read and sent
   * after it; no more than two are read ahead of the result that comes next. A frame's memory may be used again when the next
   * one is asked for. An error of the source comes after the results of the frames before it; a loop that ends early closes
   * the source. An abort of `signal` ends it between two results, and closes the source too.
   */
  stream(frames: AsyncIterable<Source> | Iterable<Source>, options: DetectOptions = {}): AsyncGenerator<Result> {
    const begin = async (frame: Source): Promise<Begun<Result>> => {
      await this.pipeline.heed(options.signal);
      const picture = await this.read(frame, options);
      return { result: this.detectPictures([picture], options).then(([result]) => result) };
    };
    return inOrder(frames, begin, { signal: options.signal });
  }

  /**
   * The network's raw outputs.
   * @param input [N, 3, H, W] float32, RGB, 0 to 1; sides multiples of the stride.
   * @returns detection: [N, rows, 5 + classes] (xywh in input pixels, sigmoid applied); segmentation: that with 32 mask
   *   coefficients a row, and the prototypes [N, 32, H/4, W/4]; classification: logits [N, classes]. An ensemble gives
   *   the rows of all its members.
   */
  async forward(input: HostTensor): Promise<HostTensor[]> {
    return this.ensemble.forward(input);
  }

  /** Compiles and runs once for an input size (rounded up as `detect` does), so that the first picture is as fast as the next. */
  async warmup(imgsz?: number | readonly [number, number], batch = 1): Promise<void> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    count(batch, "warmup: batch");
    // Refused, where the device has no memory for it, before the input is made.
    await this.ensemble.compile([batch, 3, h, w]);
    const data = new Float32Array(batch * 3 * h * w);
    const tensor: HostTensor = { dtype: "float32", shape: [batch, 3, h, w], data };
    if (this.task === "classify") await this.forward(tensor);
    else await this.inferRows({ shape: tensor.shape, inputs: [tensor] });
  }

  /**
   * Measures, where the backend has several kernels (WebGPU), which are the fastest on this device for an input size
   * (rounded up as `detect` does; `detect` lays out pictures with `fit: "rect"` in sizes of their own), and uses them from then on.
   * Runs go on meanwhile. In Node the choice is kept for later starts.
   * @throws the signal's reason.
   */
  async tune(
    options: TuneOptions & { readonly imgsz?: number | readonly [number, number]; readonly batch?: number } = {},
  ): Promise<void> {
    this.check();
    const [h, w] = this.pipeline.preprocessor.inputSize(options.imgsz);
    for (const { network } of this.members) await network.tune([options.batch ?? 1, 3, h, w], options);
  }

  /** Outputs of named modules (`model.9`, `model.9.cv1`) for one input, NCHW; of an ensemble its first member's. */
  async tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.tap(names, [input]));
  }

  /** Time of every node of one forward pass; of an ensemble its first member's. */
  async profile(input: HostTensor): Promise<NodeTiming[]> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.profile([input]));
  }

  /**
   * Device memory, all members together: for one input size (rounded up as `detect` does), what that shares with the other sizes, and
   * for all that are compiled.
   */
  async memory(imgsz?: number | readonly [number, number], batch = 1): Promise<NetworkMemory> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    return this.ensemble.memory([batch, 3, h, w]);
  }

  /** Frees the device and all plans; later calls throw DisposedError. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.ensemble.dispose();
    this.backend.dispose();
  }

  /**
   * `forward` of detection and segmentation models, for suppression at a confidence of `conf` or more: the rows that can become
   * boxes then, or all where the backend cannot choose them.
   */
  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean } = {}): Promise<CandidateOutputs> {
    return this.ensemble.inferRows(input, options);
  }

  /** @throws DisposedError. */
  private check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }
}
