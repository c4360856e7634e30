/** `--backend webgpu`: hand-written WGSL kernels on any WebGPU device. */

import { Breather } from "../../breathe.js";
import { DisposedError, UnsupportedError } from "../../errors.js";
import { type FoldCache, type Graph, type MergeCache, mergeSiblings, optimizePieces } from "../../ops/index.js";
import type { Backend, Capabilities, CompileOptions, OnStage, TuneOptions } from "../backend.js";
import { tapValues } from "../inputs.js";
import { Stopwatch } from "../stopwatch.js";
import { passesThatKeep } from "../taps.js";
import { runnable, usualKernels } from "./choose/convKernels.js";
import { type TuningStore, TuningTable, tuningKey } from "./choose/tuningTable.js";
import { DevicePlan, type Services } from "./device/bindings.js";
import { ConstantCache } from "./device/constantCache.js";
import type { Counters } from "./device/counters.js";
import { DeviceContext, type DeviceOptions } from "./device/deviceContext.js";
import { PipelineCache } from "./device/pipelineCache.js";
import type { ConvChoice } from "./lower/lowerConv.js";
import { lowerGraph } from "./lower/lowerGraph.js";
import { Compiled } from "./run/compiled.js";
import { type ExecutableHost, type Wanted, WebGpuExecutable } from "./run/executable.js";
import { tune } from "./tune/tuner.js";

export interface WebGpuOptions extends DeviceOptions {
  /** Name in `CONV_KERNELS`: convolutions use this kernel if it supports them, for tests and benches of one variant. */
  readonly convKernel?: string;
  /**
   * Resize pictures on the device. Default: false on adapters emulated on the CPU, where the CPU's own code is
   * faster.
   */
  readonly fitPictures?: boolean | undefined;
  /** SPPF's pools as one dispatch. Default: on hardware adapters. */
  readonly chainPools?: boolean | undefined;
  /** Saves the results of `tune` and restores them at the next start. Default: nothing is saved. */
  readonly tuningStore?: TuningStore | undefined;
}

/** The services shared by all executables on a device, and the measurements of its kernels. */
interface DeviceServices extends Services {
  readonly tuning: TuningTable;
}

/** Every input shape has its own activations: a dozen of yolov5n at 640×640, one or two of large models. */
const SHAPE_BUDGET = 2 ** 29;

export class WebGpuBackend implements Backend, ExecutableHost {
  readonly name = "webgpu";
  private readonly options: WebGpuOptions;
  private services: DeviceServices;
  private renewal: Promise<DeviceServices> | undefined;
  private readonly folded: FoldCache = new WeakMap();
  private readonly merged: MergeCache = new WeakMap();
  private readonly plans = new WeakMap<object, Set<DevicePlan>>();
  private disposed = false;

  constructor(options: WebGpuOptions, services: DeviceServices) {
    this.options = options;
    this.services = services;
  }

  get adapter(): string {
    const { adapterName, software } = this.services.context;
    return software ? `${adapterName} (software)` : adapterName;
  }

  get software(): boolean {
    return this.services.context.software;
  }

  /** Those of the device now. */
  get capabilities(): Capabilities {
    const float16 = this.services.context.device.features.has("shader-f16");
    return {
      dtypes: float16 ? ["float32", "float16"] : ["float32"],
      byteWeights: true,
      tunes: true,
      fitsPictures: this.options.fitPictures ?? !this.software,
      fitsDrawables: this.options.fitPictures ?? !this.software,
      shapeBudget: SHAPE_BUDGET,
    };
  }

  get device(): GPUDevice {
    return this.services.context.device;
  }

  counters(): Counters {
    return this.services.context.stats;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<WebGpuExecutable> {
    const { dtype = "float32", keepTaps = [], signal, model } = options;
    if (this.disposed) throw new DisposedError("the WebGPU backend");
    if (dtype === "int8") {
      throw new UnsupportedError(`webgpu: ${dtype} is not available on this backend; use float32`, { dtype });
    }
    if (!this.capabilities.dtypes.includes(dtype)) {
      throw new UnsupportedError(
        `webgpu: float16 needs the feature shader-f16, which ${this.adapter} does not offer; use float32`,
        { dtype },
      );
    }
    signal?.throwIfAborted();
    const half = dtype === "float16";
    if (options.tune) await this.tune(graph, half, options.tune);
    return WebGpuExecutable.create(graph, { keepTaps, half, model }, this, options.onStage);
  }

  async prepare(graph: Graph, { keepTaps, half, model }: Wanted, onStage?: OnStage): Promise<Compiled> {
    const watch = new Stopwatch(onStage);
    const services = await this.current();
    services.context.check();
    const { convKernel } = this.options;
    const usual = usualKernels(services.context, convKernel);
    const can = runnable(services.context);
    // A saved table may come from a device with more features, or be damaged.
    const choice: ConvChoice = (problem) => {
      const name = convKernel === undefined ? services.tuning.kernel(problem, half) : undefined;
      const kernel = name === undefined ? undefined : can.get(name);
      return kernel?.supports(problem) ? kernel : usual(problem);
    };
    const keep = new Set(tapValues(graph, keepTaps));
    const passes = passesThatKeep(graph, keep, (g) => optimizePieces(g, this.folded));
    const optimized = await new Breather().through(passes);
    const merged = mergeSiblings(optimized, this.merged, keep);
    watch.lap("graph");
    // Workgroup memory and barriers are slow where the CPU emulates them.
    const chainPools = this.options.chainPools ?? !services.context.software;
    const plan = lowerGraph(merged, { choice, keep, half, chainPools });
    const onDevice = await DevicePlan.create(plan, services, watch);
    return new Compiled(optimized, plan, onDevice, services, this.plansOf(model));
  }

  private plansOf(model: object = {}): Set<DevicePlan> {
    const known = this.plans.get(model);
    const plans = known ?? new Set<DevicePlan>();
    if (!known) this.plans.set(model, plans);
    return plans;
  }

  private async tune(graph: Graph, half: boolean, options: TuneOptions): Promise<void> {
    const services = await this.current();
    services.context.check();
    const usual = usualKernels(services.context, this.options.convKernel);
    const { tuning } = services;
    const known = tuning.size;
    const optimized = await new Breather(options.signal).through(optimizePieces(graph, this.folded));
    await tune({ graph: mergeSiblings(optimized, this.merged), half, services, table: tuning, usual }, options);
    const { tuningStore } = this.options;
    if (tuning.size === known || !tuningStore) return;
    // Another process may have extended the table meanwhile.
    tuning.read(await tuningStore.load(tuning.key));
    await tuningStore.save(tuning.key, tuning.text());
  }

  dispose(): void {
    this.disposed = true;
    this.services.context.dispose();
  }

  /** The device's services; opens a new device if the old one was lost. */
  private async current(): Promise<DeviceServices> {
    if (!this.services.context.isLost || this.disposed) return this.services;
    this.renewal ??= openServices(this.options).finally(() => {
      this.renewal = undefined;
    });
    this.services = await this.renewal;
    if (this.disposed) this.services.context.dispose();
    return this.services;
  }
}

async function openServices(options: WebGpuOptions): Promise<DeviceServices> {
  const context = await DeviceContext.create(options);
  try {
    const tuning = new TuningTable(tuningKey(context));
    tuning.read(await options.tuningStore?.load(tuning.key));
    return { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context), tuning };
  } catch (error) {
    context.dispose();
    throw error;
  }
}

/**
 * Opens a backend on the adapter of `gpu`, with the adapter's own limits and, if available, timestamp queries,
 * float16 and subgroups.
 * @throws DeviceError if there is no adapter or device; OptionError for a kernel that the device cannot run.
 */
export async function createWebGpuBackend(options: WebGpuOptions): Promise<WebGpuBackend> {
  const services = await openServices(options);
  try {
    usualKernels(services.context, options.convKernel);
  } catch (error) {
    services.context.dispose();
    throw error;
  }
  return new WebGpuBackend(options, services);
}
