/** `--backend webgpu`: hand-written WGSL kernels on any WebGPU device. */

import { DisposedError, OptionError, UnsupportedError } from "../../errors.js";
import type { ConvKernel } from "../../kernels/wgsl/index.js";
import type { Graph, ValueId } from "../../ops/index.js";
import type { Backend, CompileOptions } from "../backend.js";
import { DevicePlan, type Services } from "./bindings.js";
import { ConstantCache } from "./constantCache.js";
import { convKernels } from "./convKernels.js";
import type { Counters } from "./counters.js";
import { DeviceContext, type DeviceOptions } from "./deviceContext.js";
import { WebGpuExecutable } from "./executable.js";
import { lowerGraph } from "./lowerGraph.js";
import { PipelineCache } from "./pipelineCache.js";

export interface WebGpuOptions extends DeviceOptions {
  /** Name in `CONV_KERNELS`: convolutions use this kernel wherever it can do them, for tests and benches of one variant. */
  readonly convKernel?: string;
}

export interface WebGpuBackend extends Backend {
  readonly name: "webgpu";
  /** For whoever must know when the device goes away, or destroys it to see what happens. */
  readonly device: GPUDevice;
  compile(graph: Graph, options?: CompileOptions): Promise<WebGpuExecutable>;
  counters(): Counters;
}

class Implementation implements WebGpuBackend {
  readonly name = "webgpu";
  private readonly services: Services;
  private readonly kernels: readonly ConvKernel[];
  private disposed = false;

  constructor(context: DeviceContext, kernels: readonly ConvKernel[]) {
    this.services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
    this.kernels = kernels;
  }

  get adapter(): string {
    const { adapterName, software } = this.services.context;
    return software ? `${adapterName} (software)` : adapterName;
  }

  get software(): boolean {
    return this.services.context.software;
  }

  get device(): GPUDevice {
    return this.services.context.device;
  }

  counters(): Counters {
    return this.services.context.stats;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<WebGpuExecutable> {
    const { dtype = "float32", keepTaps = false, signal } = options;
    if (this.disposed) throw new DisposedError("the WebGPU backend");
    if (dtype !== "float32") {
      throw new UnsupportedError(`webgpu: ${dtype} is not available on this backend; use float32`, { dtype });
    }
    signal?.throwIfAborted();
    return this.compileKeeping(graph, new Set(keepTaps ? graph.taps.values() : []));
  }

  dispose(): void {
    this.disposed = true;
    this.services.context.dispose();
  }

  private async compileKeeping(graph: Graph, keep: ReadonlySet<ValueId>): Promise<WebGpuExecutable> {
    const { context } = this.services;
    context.check();
    const plan = lowerGraph(graph, this.kernels, keep);
    const onDevice = await DevicePlan.create(plan, this.services);
    return new WebGpuExecutable(graph, plan, onDevice, this.services, (g, k) => this.compileKeeping(g, k));
  }
}

/**
 * A backend on the adapter that `gpu` offers, with the adapter's own limits and, where it has them, timestamp queries,
 * float16 and subgroups.
 * @throws DeviceError when there is no adapter or device; OptionError for a kernel that the device cannot run.
 */
export async function createWebGpuBackend(options: WebGpuOptions): Promise<WebGpuBackend> {
  const context = await DeviceContext.create(options);
  const kernels = convKernels(context, options.convKernel);
  const [first] = kernels;
  const missing = first.features.find((feature) => !context.device.features.has(feature));
  if (missing) {
    context.dispose();
    throw new OptionError(`webgpu: ${first.name} needs ${missing}, which ${context.adapterName} does not offer`);
  }
  return new Implementation(context, kernels);
}
