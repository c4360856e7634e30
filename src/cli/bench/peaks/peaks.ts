/** Measures the peak rates of a backend's device. */

import { availableParallelism } from "node:os";
import type { Backend, ComputeDType } from "../../../runtime/backend.js";
import type { WebGpuBackend } from "../../../runtime/webgpu/index.js";
import type { DevicePeaks } from "../engine.js";
import { wasmPeaks } from "./wasm.js";
import { webGpuPeaks } from "./webgpu.js";

/** Undefined for backends without a probe, and for int8, whose arithmetic differs. */
export async function measurePeaks(
  backend: Backend,
  dtype: ComputeDType,
  threads: number,
): Promise<DevicePeaks | undefined> {
  if (dtype === "int8") return undefined;
  if (isWebGpu(backend)) return webGpuPeaks(backend.device, backend.software);
  return backend.name === "wasm" ? wasmPeaks(backend, Math.min(threads, availableParallelism())) : undefined;
}

const isWebGpu = (backend: Backend): backend is WebGpuBackend => backend.name === "webgpu";
