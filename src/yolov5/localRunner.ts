/** A model's calls on this thread: reads pictures, runs the networks, makes results. */

import { DisposedError } from "../errors.js";
import type { Backend, CandidateOutputs, NodeTiming, TuneOptions } from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { throwIfAborted } from "./calls/abort.js";
import { count } from "./calls/checks.js";
import { type Begun, inOrder } from "./calls/inOrder.js";
import { Turns } from "./calls/turns.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import { Ensemble, type Member } from "./ensemble.js";
import { closeAll, type Picture, type ReadPictureOptions, readAll } from "./input/pictures.js";
import type { NetworkInput } from "./input/preprocess.js";
import type { NetworkMemory } from "./network.js";
import type { ResolvedOptions } from "./options.js";
import type { Outcome, Result } from "./output/outcome.js";
import type { Prediction } from "./output/prediction.js";
import { Pipeline } from "./pipeline.js";
import type { Device, ImageSize, ModelRunner } from "./runner.js";

/** Maximum number of decoded pictures held by overlapping calls; the others wait undecoded. */
const MOST_DECODED = 16;

/** Turns a caller's sources (paths, URLs, page elements) into pictures; supplied by the platform's entry. */
export type PictureReader<Source> = (source: Source, options?: ReadPictureOptions) => Promise<Picture>;

export class LocalRunner<Source> implements ModelRunner<Source> {
  readonly info: ModelInfo;
  readonly members: readonly Member[];
  private readonly backend: Backend;
  private readonly ensemble: Ensemble;
  readonly pipeline: Pipeline;
  private readonly read: PictureReader<Source>;
  /** Of calls that overlap. */
  private readonly turns = new Turns(MOST_DECODED);
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

  get device(): Device {
    return { name: this.backend.name, adapter: this.backend.adapter, dtype: this.members[0].network.dtype };
  }

  get fitsPictures(): boolean {
    return this.ensemble.fitsPictures;
  }

  async openMembers(): Promise<readonly Member[]> {
    return this.members;
  }

  async detectList(sources: readonly Source[], options: ResolvedOptions): Promise<Result[]> {
    const { maxPixels, signal } = options;
    const pictures = await readAll(sources, (item) => this.read(item, { maxPixels, signal }), signal);
    return this.detectPictures(pictures, options);
  }

  async detectOne(source: Source, options: ResolvedOptions): Promise<Result> {
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

  /** Detects in decoded pictures and closes those that hold resources. */
  private async detectPictures(pictures: readonly Picture[], options: ResolvedOptions): Promise<Result[]> {
    try {
      this.check();
      return await this.pipeline.detect(pictures, options);
    } finally {
      closeAll(pictures);
    }
  }

  async outcome(source: Source, options: ResolvedOptions): Promise<Outcome> {
    return this.withPicture(source, options, async (picture) => (await this.pipeline.outcomes([picture], options))[0]);
  }

  async predict(source: Source, options: ResolvedOptions): Promise<Prediction> {
    return this.withPicture(source, options, (picture) => this.pipeline.predict(picture, options));
  }

  private async withPicture<T>(
    source: Source,
    { maxPixels, signal }: ResolvedOptions,
    run: (picture: Picture) => Promise<T>,
  ): Promise<T> {
    const picture = await this.read(source, { maxPixels, signal });
    try {
      throwIfAborted(signal);
      return await run(picture);
    } finally {
      picture.close?.();
    }
  }

  stream(frames: AsyncIterable<Source> | Iterable<Source>, options: ResolvedOptions): AsyncGenerator<Result> {
    const begin = async (frame: Source): Promise<Begun<Result>> => {
      await this.pipeline.heed(options.signal);
      const picture = await this.read(frame, options);
      return { result: this.detectPictures([picture], options).then(([result]) => result) };
    };
    return inOrder(frames, begin, { signal: options.signal });
  }

  async forward(input: HostTensor): Promise<HostTensor[]> {
    return this.ensemble.forward(input);
  }

  async warmup(imgsz: ImageSize, batch: number): Promise<void> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    count(batch, "warmup: batch");
    // So that the device can refuse it for lack of memory before the input is created.
    await this.ensemble.compile([batch, 3, h, w]);
    const data = new Float32Array(batch * 3 * h * w);
    const tensor: HostTensor = { dtype: "float32", shape: [batch, 3, h, w], data };
    if (this.info.task === "classify") await this.forward(tensor);
    else await this.inferRows({ shape: tensor.shape, inputs: [tensor] }, {});
  }

  async tune(options: TuneOptions & { readonly imgsz?: ImageSize; readonly batch?: number }): Promise<void> {
    const [h, w] = this.pipeline.preprocessor.inputSize(options.imgsz);
    for (const { network } of this.members) await network.tune([options.batch ?? 1, 3, h, w], options);
  }

  async tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.tap(names, [input]));
  }

  async profile(input: HostTensor): Promise<NodeTiming[]> {
    const { network } = this.members[0];
    return network.with(network.shapeOf(input), (executable) => executable.profile([input]));
  }

  async memory(imgsz: ImageSize, batch: number): Promise<NetworkMemory> {
    const [h, w] = this.pipeline.preprocessor.inputSize(imgsz);
    return this.ensemble.memory([batch, 3, h, w]);
  }

  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean }): Promise<CandidateOutputs> {
    return this.ensemble.inferRows(input, options);
  }

  dispose(): void {
    this.disposed = true;
    this.ensemble.dispose();
    this.backend.dispose();
  }

  /** @throws DisposedError. */
  private check(): void {
    if (this.disposed) throw new DisposedError("the model");
  }
}
