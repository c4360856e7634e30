/** A WebGPU implementation for tests: npm `webgpu` (Dawn), on whatever adapter the machine has. */

import { createWebGpuBackend, type WebGpuBackend, type WebGpuOptions } from "../../src/runtime/webgpu/index.js";

/**
 * Dawn's entry point, or undefined (with the reason printed) where there is no adapter. With REQUIRE_WEBGPU=1 a missing
 * adapter is an error instead. `flags` go to Dawn: `backend=null` validates everything and computes nothing.
 */
export async function webgpuOrSkip(flags: readonly string[] = []): Promise<GPU | undefined> {
  let reason: string;
  try {
    const { create, globals } = await import("webgpu");
    Object.assign(globalThis, globals);
    const gpu = create([...flags]);
    if (await gpu.requestAdapter()) return gpu;
    reason = "no WebGPU adapter; a software one comes with Debian's mesa-vulkan-drivers";
  } catch (error) {
    reason = `npm webgpu does not load: ${error}`;
  }
  if (process.env.REQUIRE_WEBGPU === "1") throw new Error(`REQUIRE_WEBGPU=1, but ${reason}`);
  console.warn(`skipped: ${reason}`);
  return undefined;
}

/** A backend on that adapter; the test disposes of it. */
export function openBackend(gpu: GPU, options: Omit<WebGpuOptions, "gpu"> = {}): Promise<WebGpuBackend> {
  return createWebGpuBackend({ gpu, ...options });
}
