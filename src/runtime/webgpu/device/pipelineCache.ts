/** Pipelines by shader source and constants, compiled asynchronously and in parallel; bind group layouts by access. */

import { EngineError, ShaderCompileError, UnsupportedError } from "../../../errors.js";
import { type Access, type KernelCall, kernelText } from "../../../kernels/wgsl/index.js";
import type { DeviceContext } from "./deviceContext.js";
import { ShaderStage } from "./flags.js";

const BUFFER_TYPES: Readonly<Record<Exclude<Access, "texture">, GPUBufferBindingType>> = {
  read: "read-only-storage",
  write: "storage",
  uniform: "uniform",
};

/** Pipelines kept: enough for several input sizes of a large model with its shapes baked in. */
const MOST = 1024;

export class PipelineCache {
  private readonly context: DeviceContext;
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  private readonly layouts = new Map<string, { bindGroup: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();

  constructor(context: DeviceContext) {
    this.context = context;
  }

  /** The layout of a kernel's bind group; `shared`: see `kernelText`. */
  layout(call: KernelCall, shared: ReadonlySet<number>): GPUBindGroupLayout {
    return this.layoutOf(call, shared).bindGroup;
  }

  /** @throws ShaderCompileError, UnsupportedError (a feature that the device lacks). */
  pipeline(call: KernelCall, shared: ReadonlySet<number>): Promise<GPUComputePipeline> {
    const code = kernelText(call, shared);
    const key = `${JSON.stringify(call.overrides)}\n${code}`;
    const pipeline = this.pipelines.get(key) ?? this.compile(call, shared, code);
    // Most recently used last; the least recently used one goes.
    this.pipelines.delete(key);
    this.pipelines.set(key, pipeline);
    for (const oldest of this.pipelines.keys()) {
      if (this.pipelines.size <= MOST) break;
      this.pipelines.delete(oldest);
    }
    return pipeline;
  }

  private async compile(call: KernelCall, shared: ReadonlySet<number>, code: string): Promise<GPUComputePipeline> {
    const { device, counters } = this.context;
    const { name } = call.kernel;
    const features: readonly GPUFeatureName[] = [
      ...call.kernel.features,
      ...(call.half ? (["shader-f16"] as const) : []),
    ];
    const missing = features.find((feature) => !device.features.has(feature));
    if (missing) throw new UnsupportedError(`webgpu: kernel ${name} needs the feature ${missing}`, { name, missing });
    counters.pipelinesCreated++;
    // The pipeline reports a shader that does not compile; the device itself stays usable.
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code, label: name });
    device.popErrorScope().catch(() => undefined);
    try {
      return await this.context.guard(
        device.createComputePipelineAsync({
          label: name,
          layout: this.layoutOf(call, shared).pipeline,
          compute: { module, entryPoint: "main", constants: call.overrides },
        }),
      );
    } catch (cause) {
      if (cause instanceof EngineError && cause.code !== "DEVICE") throw cause;
      const { messages } = await this.context.guard(module.getCompilationInfo());
      const first = messages.find((message) => message.type === "error");
      const where = first ? `:${first.lineNum}:${first.linePos}: ${first.message}` : `: ${cause}`;
      throw new ShaderCompileError(`webgpu: ${name}.wgsl${where}`, { name, source: code });
    }
  }

  private layoutOf(call: KernelCall, shared: ReadonlySet<number>) {
    const accesses = call.kernel.bindings.map(({ access }, i) => (shared.has(i) ? "write" : access));
    const key = accesses.join();
    let layout = this.layouts.get(key);
    if (!layout) {
      const { device } = this.context;
      const bindGroup = device.createBindGroupLayout({
        entries: accesses.map((access, binding) => ({
          binding,
          visibility: ShaderStage.COMPUTE,
          ...(access === "texture" ? { texture: {} } : { buffer: { type: BUFFER_TYPES[access] } }),
        })),
      });
      layout = { bindGroup, pipeline: device.createPipelineLayout({ bindGroupLayouts: [bindGroup] }) };
      this.layouts.set(key, layout);
    }
    return layout;
  }
}
