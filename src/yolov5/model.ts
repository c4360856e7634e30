/** The public model: pictures in, results out. Preprocessing, networks (one, or several as an ensemble), NMS, masks. */

import { Breather } from "../breathe.js";
import { DisposedError, OptionError } from "../errors.js";
import type {
  Backend,
  CandidateOutputs,
  ComputeDType,
  MemoryUse,
  NodeTiming,
  TuneOptions,
} from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { AbortListeners, throwIfAborted, untilAborted } from "./abort.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import { Ensemble, type Member } from "./ensemble.js";
import { type Begun, inOrder } from "./inOrder.js";
import { closeAll, type Picture, type ReadPictureOptions, readAll } from "./input/pictures.js";
import { type Fitted, type Fitting, type NetworkInput, Preprocessor } from "./input/preprocess.js";
import { type DetectOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { type Prepared, type Result, resultsOf } from "./output/postprocess.js";
import { Turns } from "./turns.js";

export type { Member } from "./ensemble.js";
export type { Result } from "./output/postprocess.js";

/** Calls that overlap hold so many decoded pictures at once; the others wait, undecoded. */
const MOST_DECODED = 16;

/** Inputs of so many pixels are compiled for before a picture is brought to their size. */
const LARGE_PIXELS = 2048 * 2048;

/** Turns whatever the caller gives (paths, URLs, elements of a page) into pictures; the platform's entry supplies it. */
export type PictureReader<Source> = (source: Source, options?: ReadPictureOptions) => Promise<Picture>;

/** A loaded model: pictures in, results out. `load` gives one. */
export class Model<Source = unknown> {
  readonly info: ModelInfo;
  readonly members: readonly Member[];
  private readonly backend: Backend;
  private readonly ensemble: Ensemble;
  /** Reads a source as `detect` does; the picture must be closed. */
  readonly read: PictureReader<Source>;
  private readonly preprocessor: Preprocessor;
  /** Of calls that overlap. */
  private readonly turns = new Turns(MOST_DECODED);
  private readonly aborts = new AbortListeners();
  private readonly breather = new Breather();
  private disposed = false;
  /** When the network was last done with a batch. */
  private ranAt = 0;

  /** @throws OptionError when the members of an ensemble have other classes or tasks. */
  constructor(members: readonly Member[], backend: Backend, read: PictureReader<Source>) {
    this.ensemble = new Ensemble(members);
    this.members = members;
    this.info = this.ensemble.info;
    this.backend = backend;
    this.preprocessor = new Preprocessor(this.info, backend);
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
    if (this.disposed) throw new DisposedError("the model");
    // Told before the first picture is read.
    const { signal } = resolveOptions(options, this.names.length);
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
        if (this.disposed) throw new DisposedError("the model");
      };
      const picture = await this.read(source, { maxPixels, begin, signal });
      return (await this.detectPictures([picture], options))[0];
    } finally {
      turn.end();
    }
  }

  /** `detect` for decoded pictures; closes those that hold something. */
  async detectPictures(pictures: readonly Picture[], options: DetectOptions = {}): Promise<Result[]> {
    try {
      return await this.detectOpen(pictures, options);
    } finally {
      closeAll(pictures);
    }
  }

  private async detectOpen(pictures: readonly Picture[], options: DetectOptions): Promise<Result[]> {
    if (this.disposed) throw new DisposedError("the model");
    const resolved = resolveOptions(options, this.names.length);
    if (pictures.length === 0) return [];
    if (resolved.augment && this.task !== "detect") {
      resolved.onWarning(`augment is ignored: test-time augmentation is for detection, this is a ${this.task} model`);
    }
    for (const { warnings = [] } of pictures) for (const warning of warnings) resolved.onWarning(warning);
    const plans = this.preprocessor.plan(
      pictures.map((picture) => picture.image),
      resolved,
    );
    await this.heed(resolved.signal);
    await this.compileLarge(plans);
    const fitted = plans.map(({ make }) => make());
    const prepared = pictures.map((picture, i): Prepared => ({ ...fitted[i], picture }));
    const results: Result[] = [];
    for (let start = 0; start < prepared.length; ) {
      const first = prepared[start];
      let end = start + 1;
      // Neighbours of one input size share a forward pass.
      while (end < prepared.length && end - start < resolved.batchSize && sameSize(prepared[end], first)) end++;
      await this.heed(resolved.signal);
      results.push(...(await this.runBatch(prepared.slice(start, end), resolved)));
      start = end;
    }
    return results;
  }

  /** Backends that compute on this thread let nothing in between by themselves, so that a signal would never be heard. */
  private async heed(signal: AbortSignal | undefined): Promise<void> {
    if (!signal) return;
    await this.breather.rest();
    throwIfAborted(signal);
  }

  /** Compiles for inputs so large that the device may have no memory for them, before pictures are made that large. */
  private async compileLarge(plans: readonly Fitting[]): Promise<void> {
    const [largest] = plans.map(({ size }) => size).sort((a, b) => b[0] * b[1] - a[0] * a[1]);
    if (largest[0] * largest[1] < LARGE_PIXELS) return;
    await this.ensemble.compile([1, 3, ...largest]);
  }

  /**
   * Results for frames as they come, in order, none dropped. While the device works on one frame, the next is read and sent
   * after it; no more than two are read ahead of the result that comes next. A frame's memory may be used again when the next
   * one is asked for. An error of the source comes after the results of the frames before it; a loop that ends early closes
   * the source. An abort of `signal` ends it between two results, and closes the source too.
   */
  stream(frames: AsyncIterable<Source> | Iterable<Source>, options: DetectOptions = {}): AsyncGenerator<Result> {
    const begin = async (frame: Source): Promise<Begun<Result>> => {
      await this.heed(options.signal);
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
    const [h, w] = this.preprocessor.inputSize(imgsz);
    if (!Number.isInteger(batch) || batch < 1) throw new OptionError(`warmup: batch must be 1 or more, got ${batch}`);
    // Refused, where the device has no memory for it, before the input is made.
    await this.ensemble.compile([batch, 3, h, w]);
    const data = new Float32Array(batch * 3 * h * w);
    const tensor: HostTensor = { dtype: "float32", shape: [batch, 3, h, w], data };
    if (this.task === "classify") await this.forward(tensor);
    else await this.inferRows({ shape: tensor.shape, tensor });
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
    if (this.disposed) throw new DisposedError("the model");
    const [h, w] = this.preprocessor.inputSize(options.imgsz);
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

  /** Device memory for one input size, all members together. */
  async memory(imgsz?: number | readonly [number, number], batch = 1): Promise<MemoryUse> {
    const [h, w] = this.preprocessor.inputSize(imgsz);
    return this.ensemble.memory([batch, 3, h, w]);
  }

  /** Frees the device and all plans; later calls throw DisposedError. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.ensemble.dispose();
    this.backend.dispose();
  }

  /** Pictures at the network's size, for `inputOf`; part of `detect` and `predict`. */
  fit(pictures: readonly Picture[], options: ResolvedOptions): Fitted[] {
    const images = pictures.map((picture) => picture.image);
    return this.preprocessor.fit(images, options);
  }

  /** Pictures of one size as a batch. */
  inputOf(batch: readonly Fitted[]): NetworkInput {
    return this.preprocessor.input(batch);
  }

  /** `forward` for such a batch, with test-time augmentation where it is asked for. */
  infer(input: NetworkInput, options: Pick<ResolvedOptions, "augment">): Promise<HostTensor[]> {
    return this.ensemble.infer(input, options);
  }

  /**
   * `infer` of detection and segmentation models, for suppression at a confidence of `conf` or more: the rows that can become
   * boxes then, or all where the backend cannot choose them.
   */
  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean } = {}): Promise<CandidateOutputs> {
    return this.ensemble.inferRows(input, options);
  }

  private async runBatch(batch: readonly Prepared[], options: ResolvedOptions): Promise<Result[]> {
    const started = performance.now();
    const input = this.inputOf(batch);
    const preprocess = (performance.now() - started) / batch.length;
    for (const { network } of this.members) await network.tuneFirst(input.shape);
    const ready = performance.now();
    const outputs =
      this.task === "classify"
        ? { logits: (await this.infer(input, options))[0] }
        : await this.inferRows(input, options);
    const ran = performance.now();
    // Not the time in which the device worked on a frame before.
    const began = Math.max(ready, this.ranAt);
    this.ranAt = ran;
    return resultsOf(batch, input.shape, outputs, this.info, options, {
      preprocess,
      inference: (ran - began) / batch.length,
    });
  }
}

function sameSize(a: Fitted, b: Fitted): boolean {
  return a.size[0] === b.size[0] && a.size[1] === b.size[1];
}
