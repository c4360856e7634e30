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

/** Maximum number of decoded pictures held by overlapping calls; the others wait undecoded. */
const MOST_DECODED = 16;

/** Turns a caller's sources (paths, URLs, page elements) into pictures; supplied by the platform's entry. */
export type PictureReader<Source> = (source: Source, options?: ReadPictureOptions) => Promise<Picture>;

/** A loaded model: pictures in, results out. Returned by `load`. */
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

  /** @throws OptionError if the members of an ensemble have different classes or tasks. */
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

  /** The device: `{ name: "webgpu", adapter: "NVIDIA H100", dtype: "float32" }`. */
  get device(): { readonly name: string; readonly adapter: string; readonly dtype: ComputeDType } {
    return { name: this.backend.name, adapter: this.backend.adapter, dtype: this.members[0].network.dtype };
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

  /** `detect` for decoded pictures; closes those that hold resources. */
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
   * @param options `imgsz`, `fit`, `augment`, `signal`; pass thresholds to `result`.
   * @throws like `detect`.
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
   * Results for frames as they arrive, in order, none dropped. While the device works on one frame, the next is read
   * and sent after it; at most two frames are read ahead of the next result. A frame's memory may be reused when the
   * next one is requested. An error of the source follows the results of the frames before it. A loop that ends early
   * closes the source. Aborting `signal` ends it between two results and closes the source too.
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
   * @returns detection: [N, rows, 5 + classes] (xywh in input pixels, sigmoid applied); segmentation: the same with
   * 32 mask coefficients per row, and the prototypes [N, 32, H/4, W/4]; classification: logits [N, classes]. An
   * ensemble returns the rows of all members.
   */
  async forward(input: HostTensor): Promise<HostTensor[]> {
    return this.ensemble.forward(input);
  }

  /**
   * Compiles and runs once for an input size (rounded up as in `detect`), so that the first picture is as fast as the
   * next.
   */
  async warmup(imgsz?: number | readonly [number, number], batch = 1): Promise<void> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    count(batch, "warmup: batch");
    // So that the device can refuse it for lack of memory before the input is created.
    await this.ensemble.compile([batch, 3, h, w]);
    const data = new Float32Array(batch * 3 * h * w);
    const tensor: HostTensor = { dtype: "float32", shape: [batch, 3, h, w], data };
    if (this.task === "classify") await this.forward(tensor);
    else await this.inferRows({ shape: tensor.shape, inputs: [tensor] });
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
    const [h, w] = this.pipeline.preprocessor.inputSize(options.imgsz);
    for (const { network } of this.members) await network.tune([options.batch ?? 1, 3, h, w], options);
  }

  /**
   * Outputs of named modules (`model.9`, `model.9.cv1`) for one input, NCHW. For an ensemble, those of its first
   * member.
   */
  async tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.tap(names, [input]));
  }

  /** The time of every node in one forward pass. For an ensemble, that of its first member. */
  async profile(input: HostTensor): Promise<NodeTiming[]> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.profile([input]));
  }

  /**
   * Device memory of all members together: for one input size (rounded up as in `detect`), the part shared with other
   * sizes, and the total for all compiled sizes.
   */
  async memory(imgsz?: number | readonly [number, number], batch = 1): Promise<NetworkMemory> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    return this.ensemble.memory([batch, 3, h, w]);
  }

  /** Releases the device and all plans; later calls throw DisposedError. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.ensemble.dispose();
    this.backend.dispose();
  }

  /** Whether `inferRows` should be given pictures in place of a tensor. */
  get fitsPictures(): boolean {
    return this.ensemble.fitsPictures;
  }

  /**
   * Like `forward`, for detection and segmentation models and suppression at a confidence of at least `conf`: only
   * the rows that can become boxes, or all rows if the backend cannot select them.
   */
  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean } = {}): Promise<CandidateOutputs> {
    return this.ensemble.inferRows(input, options);
  }

  /** @throws DisposedError. */
  private check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }
}
