/** Adapters: which one a machine has, its name, and whether it is a graphics card. Small: pages ask before they load WebGPU. */

import { DeviceError } from "../../../errors.js";

/** Emulations of a GPU on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render|warp/i;

export interface AdapterOptions {
  readonly powerPreference?: GPUPowerPreference | undefined;
  /** Refuse adapters emulated on the CPU. Default false. */
  readonly hardwareOnly?: boolean | undefined;
}

/** What the backend asks of WebGPU's entry point, `navigator.gpu`. */
export type AdapterSource = Pick<GPU, "requestAdapter">;

/** @throws DeviceError if there is no adapter, or only a refused one. */
export async function findAdapter(gpu: AdapterSource, options: AdapterOptions = {}): Promise<GPUAdapter> {
  const { powerPreference, hardwareOnly } = options;
  const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
  if (!adapter) {
    throw new DeviceError(
      "webgpu: no adapter found; install a Vulkan driver (Debian: apt install mesa-vulkan-drivers installs a software one), or use --backend wasm",
    );
  }
  const { info } = adapter;
  if (hardwareOnly && isSoftwareAdapter(info)) {
    throw new DeviceError(`webgpu: the only adapter is ${describeAdapter(info)}, which is software`, {
      software: true,
    });
  }
  return adapter;
}

/** Whether an adapter computes on the processor. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter === true || SOFTWARE.test(describeAdapter(info));
}

export function describeAdapter(info: GPUAdapterInfo): string {
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(" ");
  return name || "unnamed adapter";
}
