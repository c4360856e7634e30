/** The device and what every executable on it shares: limits, features, counters, loss notification. */

import { DeviceError, DeviceLostError, DisposedError, EngineError, LimitError } from "../../../errors.js";
import { describeAdapter, isSoftwareAdapter } from "./adapter.js";
import { type Counters, type MutableCounters, newCounters } from "./counters.js";
import { type AdapterOptions, type AdapterSource, findAdapter } from "./findAdapter.js";
import { TextureUsage } from "./flags.js";

export interface DeviceOptions extends AdapterOptions {
  /** `navigator.gpu`, or the result of `create([])` from the npm package `webgpu`. */
  readonly gpu: AdapterSource;
  /**
   * Optional features to leave out even where the adapter has them, and limits to keep at WebGPU's guaranteed defaults:
   * for tests of what a lesser adapter would do.
   */
  readonly minimal?: boolean;
  /**
   * Choose kernels as for a GPU even if the adapter is emulated on the CPU, for tests of that choice. Default false.
   */
  readonly asHardware?: boolean;
}

/** Used where the adapter has them. */
const OPTIONAL_FEATURES = ["timestamp-query", "shader-f16", "subgroups"] as const;

/** Limits that large models need more of than WebGPU guarantees. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const;

export class DeviceContext {
  readonly device: GPUDevice;
  readonly adapterName: string;
  /** All that tells it from other adapters and drivers. */
  readonly identity: string;
  readonly software: boolean;
  /** Fewest invocations that a subgroup can have; 0 without subgroups. */
  readonly minSubgroupSize: number;
  readonly counters: MutableCounters = newCounters();
  /** Settles only when the device is lost or disposed of. */
  readonly lost: Promise<EngineError>;
  private failure: EngineError | undefined;
  /** Kept so that it is not garbage-collected while the device lives; Node cannot exit before it is released. */
  keepAlive: AdapterSource | undefined;
  private disposed = false;

  private constructor(gpu: AdapterSource, device: GPUDevice, info: GPUAdapterInfo, software: boolean) {
    this.keepAlive = gpu;
    this.device = device;
    this.adapterName = describeAdapter(info);
    this.identity = [info.vendor, info.architecture, info.device, info.description].join("|");
    this.software = software;
    this.minSubgroupSize = device.features.has("subgroups") ? (info.subgroupMinSize ?? 0) : 0;
    this.lost = device.lost.then((why) => {
      this.failure ??= this.disposed
        ? new DisposedError("the WebGPU backend")
        : new DeviceLostError(
            `webgpu: the device was lost (${why.reason}: ${why.message || "no message"}); the next call opens it again`,
            { reason: why.reason },
          );
      this.unlisten();
      return this.failure;
    });
    device.addEventListener("uncapturederror", this.onUncaptured);
  }

  private readonly onUncaptured = (event: GPUUncapturedErrorEvent): void => {
    this.failure ??= new DeviceError(`webgpu: ${event.error.message}`, { adapter: this.adapterName });
  };

  /**
   * Dawn keeps listeners alive, along with everything they reference: this context, its device and the driver's
   * threads.
   */
  private unlisten(): void {
    this.device.removeEventListener("uncapturederror", this.onUncaptured);
  }

  /** @throws DeviceError if there is no adapter or it provides no device. */
  static async create(options: DeviceOptions): Promise<DeviceContext> {
    const { gpu, minimal = false, asHardware = false } = options;
    const adapter = await findAdapter(gpu, options);
    const software = isSoftwareAdapter(adapter.info);
    const requiredLimits: Record<string, number> = {};
    if (!minimal) for (const limit of LIMITS) requiredLimits[limit] = adapter.limits[limit];
    let device: GPUDevice;
    try {
      device = await adapter.requestDevice({
        requiredFeatures: minimal ? [] : OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature)),
        requiredLimits,
      });
    } catch (cause) {
      throw new DeviceError(`webgpu: ${describeAdapter(adapter.info)} provides no device: ${cause}`, {}, { cause });
    }
    return new DeviceContext(gpu, device, adapter.info, software && !asHardware);
  }

  /** The device is gone, other than by `dispose`. */
  get isLost(): boolean {
    return this.failure instanceof DeviceLostError;
  }

  get stats(): Counters {
    return { ...this.counters };
  }

  /** @throws what the device failed with. */
  check(): void {
    if (this.disposed) throw new DisposedError("the WebGPU backend");
    if (this.failure) throw this.failure;
  }

  createBuffer(size: number, usage: number, label: string): GPUBuffer {
    const { maxBufferSize } = this.device.limits;
    if (size > maxBufferSize) {
      throw new LimitError(
        `webgpu: ${label} needs a buffer of ${size} bytes, the adapter allows ${maxBufferSize}; use a smaller image or batch`,
        { size, maxBufferSize },
      );
    }
    this.counters.buffersCreated++;
    return this.device.createBuffer({ size: Math.max(16, Math.ceil(size / 16) * 16), usage, label });
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.counters.buffersDestroyed++;
    buffer.destroy();
  }

  /** For pictures that a browser copies into it; counted as a buffer. */
  createTexture(width: number, height: number): GPUTexture {
    this.counters.buffersCreated++;
    const { COPY_DST, TEXTURE_BINDING, RENDER_ATTACHMENT } = TextureUsage;
    const usage = COPY_DST | TEXTURE_BINDING | RENDER_ATTACHMENT;
    return this.device.createTexture({ size: [width, height], format: "rgba8unorm", usage, label: "picture" });
  }

  destroyTexture(texture: GPUTexture): void {
    this.counters.buffersDestroyed++;
    texture.destroy();
  }

  submit(commands: GPUCommandBuffer): void {
    this.counters.submits++;
    this.device.queue.submit([commands]);
  }

  /** Waits for `work`, but rejects if the device is lost. */
  async guard<T>(work: Promise<T>): Promise<T> {
    let value: T | EngineError;
    try {
      value = await Promise.race([work, this.lost]);
    } catch (error) {
      // A map that fails because the device goes away may reject before `lost` settles.
      const lost = await Promise.race([this.lost, new Promise<undefined>((resolve) => setTimeout(resolve, 20))]);
      throw lost ?? this.failure ?? new DeviceError(`webgpu: ${error}`, {}, { cause: error });
    }
    if (value instanceof EngineError) throw value;
    return value;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.unlisten();
    this.device.destroy();
    // Dawn crashes when its objects are collected before it has reported the loss: a timer holds them until then.
    const hold = setInterval(() => this.keepAlive, 1000);
    void this.lost.then(() => {
      setTimeout(() => {
        clearInterval(hold);
        this.keepAlive = undefined;
      }, 20);
    });
  }
}
