/** Decides whether `auto` should try WebGL2. */

import { isSoftwareRenderer, rendererOf } from "../runtime/gpujs/device/renderer.js";
import { isSoftwareAdapter } from "../runtime/webgpu/device/adapter.js";

const ADAPTER_MS = 3000;

/** True in a page with hardware-accelerated WebGL2. Creates and releases a context to find out. */
export function hasHardwareWebGl2(): boolean {
  if (typeof document === "undefined") return false;
  // Browsers then return no context if it would be slow.
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const floats = gl.getExtension("EXT_color_buffer_float") !== null;
  const hardware = floats && !isSoftwareRenderer(rendererOf(gl));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return hardware;
}

/** True if the page has no hardware adapter for WebGPU, or does not answer in time. */
export async function lacksWebGpu(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<boolean> {
  if (!gpu) return true;
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ADAPTER_MS));
  const adapter = await Promise.race([gpu.requestAdapter().catch(() => null), late]);
  return !adapter || (adapter.info !== undefined && isSoftwareAdapter(adapter.info));
}
