/**
 * A GPU backend whose calls survive the loss of the device. Browsers lose devices when a driver is reset, a laptop
 * switches its graphics card or a tab sleeps for long. The pending call is repeated once on a new device or, if there
 * is none, on a fallback backend. A note is sent either way.
 */

import { DeviceError, DeviceLostError, DisposedError, type EngineError } from "../errors.js";
import type { Graph } from "../ops/index.js";
import {
  type Backend,
  type BackendName,
  type CandidateOutputs,
  type Capabilities,
  type CompileOptions,
  type DeviceCounters,
  type DevicePicture,
  type Executable,
  type MemoryUse,
  type NodeTiming,
  type PictureExecutable,
  type RunInput,
  takesPictures,
} from "../runtime/backend.js";
import type { HostTensor } from "../tensor/index.js";
import { devicePicturesToTensor } from "../yolov5/input/letterbox.js";

const API: Readonly<Partial<Record<BackendName, string>>> = { webgpu: "WebGPU", gpujs: "WebGL2" };

export interface RenewingOptions {
  /** Whether the backend reopens a lost device by itself on the next call. Default true. */
  readonly renews?: boolean | undefined;
  /**
   * Whether the device is gone, to distinguish a lost device from other errors, such as a picture that is too large.
   */
  readonly isLost: () => Promise<boolean>;
  readonly onNote?: ((note: string) => void) | undefined;
  /** Opens the fallback if a lost device cannot be reopened. Without it such calls reject with the reason. */
  readonly fallback?: (() => Promise<Backend>) | undefined;
}

export class RenewingBackend implements Backend {
  private readonly options: RenewingOptions;
  private backend: Backend;
  private replacement: Promise<Backend> | undefined;
  /** The last reported loss: several calls may be pending when it happens. */
  private noted: unknown;
  private disposed = false;

  /** @param backend disposed of together with this one. */
  constructor(backend: Backend, options: RenewingOptions) {
    this.backend = backend;
    this.options = options;
  }

  get name(): BackendName {
    return this.backend.name;
  }

  get adapter(): string {
    return this.backend.adapter;
  }

  get software(): boolean {
    return this.backend.software;
  }

  get capabilities(): Capabilities {
    return this.backend.capabilities;
  }

  /** The current backend. */
  get current(): Backend {
    return this.backend;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<Executable> {
    const executable = new RenewingExecutable(graph, options, this);
    await executable.prepare();
    return executable;
  }

  note(text: string): void {
    this.options.onNote?.(text);
  }

  /**
   * Repeats a call that lost its device.
   * @param failed the call's rejection.
   * @param work the call, to run on the current backend.
   */
  async recover<T>(failed: unknown, work: () => Promise<T>): Promise<T> {
    if (this.disposed) throw new DisposedError("the model");
    let reason = failed;
    const { fallback, isLost, renews = true } = this.options;
    const api = API[this.backend.name] ?? this.backend.name;
    if (failed instanceof DeviceLostError && renews) {
      if (failed !== this.noted) this.note(`the ${api} device was lost; running again on a new one`);
      this.noted = failed;
      try {
        return await work();
      } catch (error) {
        reason = error;
      }
    }
    const gone = reason instanceof DeviceLostError || (reason instanceof DeviceError && (await isLost()));
    if (this.disposed || !gone || !fallback) throw reason;
    this.replacement ??= fallback().then((backend) => {
      this.note(`${api} is gone (${(reason as EngineError).message}); running on ${backend.name}`);
      this.backend.dispose();
      this.backend = backend;
      if (this.disposed) backend.dispose();
      return backend;
    });
    await this.replacement;
    return work();
  }

  counters(): DeviceCounters | undefined {
    return this.backend.counters();
  }

  dispose(): void {
    this.disposed = true;
    this.backend.dispose();
  }
}

class RenewingExecutable implements PictureExecutable {
  private on: Backend | undefined;
  private inner: Executable | undefined;
  private compiling: Promise<unknown> = Promise.resolve();
  /** Settles when all earlier calls have settled. */
  private settled: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(
    private readonly graph: Graph,
    private readonly options: CompileOptions,
    private readonly host: RenewingBackend,
  ) {}

  /** Compiles for the current backend unless that has been done. */
  async prepare(): Promise<void> {
    await this.enqueue(async () => undefined);
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.enqueue((executable) => executable.run(inputs));
  }

  runPictures(pictures: readonly DevicePicture[]): Promise<HostTensor[]> {
    return this.enqueue((executable) => {
      if (takesPictures(executable)) return executable.runPictures(pictures);
      const [, , height, width] = this.graph.values[this.graph.inputs[0]].shape;
      return executable.run([devicePicturesToTensor(pictures, [height, width])]);
    });
  }

  runCandidates(given: RunInput, threshold: number): Promise<CandidateOutputs | undefined> {
    return this.enqueue(async (executable) =>
      takesPictures(executable) ? executable.runCandidates(given, threshold) : undefined,
    );
  }

  tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    return this.enqueue((executable) => executable.tap(names, inputs));
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    return this.enqueue((executable) => executable.profile(inputs));
  }

  memory(): MemoryUse {
    if (!this.inner) throw new DisposedError("the executable");
    return this.inner.memory();
  }

  dispose(): void {
    this.disposed = true;
    this.inner?.dispose();
  }

  /** Calls start in order and overlap. Each settles after the earlier ones, so that a repeated call keeps its place. */
  private enqueue<T>(work: (executable: Executable) => Promise<T>): Promise<T> {
    let on: Executable | undefined;
    const call = async (): Promise<T> => {
      on = await this.compiled();
      return work(on);
    };
    const before = this.settled;
    const first = call();
    const turn = first.then(
      (value) => before.then(() => value),
      async (error) => {
        await before;
        // An earlier call has already switched to another backend.
        const moved = on !== undefined && on !== this.inner && !this.disposed;
        return moved ? call().catch((again) => this.host.recover(again, call)) : this.host.recover(error, call);
      },
    );
    this.settled = turn.catch(() => undefined);
    return turn;
  }

  private compiled(): Promise<Executable> {
    const ready = this.compiling.then(async () => {
      if (this.disposed) throw new DisposedError("the executable");
      const { current } = this.host;
      if (this.inner && this.on === current) return this.inner;
      this.inner?.dispose();
      this.inner = undefined;
      const made = await current.compile(this.graph, this.options);
      if (this.disposed) {
        made.dispose();
        throw new DisposedError("the executable");
      }
      this.inner = made;
      this.on = current;
      return made;
    });
    this.compiling = ready.catch(() => undefined);
    return ready;
  }
}
