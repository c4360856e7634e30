/** Which adapter a machine has. */

import { DeviceError } from "../../../errors.js";
import { describeAdapter, isSoftwareAdapter } from "./adapter.js";

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
