/** Where a model computes: `LocalRunner` on this thread, or what a platform puts in its place. */

import type { CandidateOutputs, ComputeDType, NodeTiming, TuneOptions } from "../runtime/backend.js";
import type { BackendName } from "../runtime/backendNames.js";
import type { HostTensor } from "../tensor/index.js";
import type { ModelInfo } from "./checkpoint/modelInfo.js";
import type { Member } from "./ensemble.js";
import type { NetworkInput } from "./input/preprocess.js";
import type { NetworkMemory } from "./network.js";
import type { ResolvedOptions } from "./options.js";
import type { Outcome, Result } from "./output/outcome.js";
import type { Prediction } from "./output/prediction.js";

/** What a model runs on. */
export interface Device {
  readonly name: BackendName;
  /** The device, human-readable: `NVIDIA H100`, `llvmpipe (software)`, `TypeScript reference`. */
  readonly adapter: string;
  readonly dtype: ComputeDType;
}

/** One number, or [height, width]; rounded up as in `detect`. */
export type ImageSize = number | readonly [number, number] | undefined;

/** Methods of `Model` whose arguments and answers are plain data, so that a worker is asked for them unchanged. */
export type PlainMethod = "forward" | "warmup" | "tap" | "profile" | "memory";

/** `Model`'s methods, which describe them. `Model` has checked options and given each call a signal of its own. */
export interface ModelRunner<Source> {
  readonly info: ModelInfo;
  readonly device: Device;
  /** As of the backend that it was loaded on. */
  readonly fitsPictures: boolean;
  /** @throws UnsupportedError if the networks are on other threads. */
  readonly members: readonly Member[];
  /** The networks on this thread; if they are on other threads, opened on first use. */
  openMembers(): Promise<readonly Member[]>;
  detectOne(source: Source, options: ResolvedOptions): Promise<Result>;
  detectList(sources: readonly Source[], options: ResolvedOptions): Promise<Result[]>;
  outcome(source: Source, options: ResolvedOptions): Promise<Outcome>;
  predict(source: Source, options: ResolvedOptions): Promise<Prediction>;
  stream(frames: AsyncIterable<Source> | Iterable<Source>, options: ResolvedOptions): AsyncGenerator<Result>;
  forward(input: HostTensor): Promise<HostTensor[]>;
  warmup(imgsz: ImageSize, batch: number): Promise<void>;
  tune(options: TuneOptions & { readonly imgsz?: ImageSize; readonly batch?: number }): Promise<void>;
  tap(names: readonly string[], input: HostTensor): Promise<Map<string, HostTensor>>;
  profile(input: HostTensor): Promise<NodeTiming[]>;
  memory(imgsz: ImageSize, batch: number): Promise<NetworkMemory>;
  inferRows(input: NetworkInput, options: { conf?: number; augment?: boolean }): Promise<CandidateOutputs>;
  dispose(): void;
}
