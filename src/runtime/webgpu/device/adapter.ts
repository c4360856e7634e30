/** What an adapter is: its name, and whether it is a graphics card. Small: pages ask before they load WebGPU. */

/** Emulations of a GPU on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|software|basic render|warp/i;

/** Whether an adapter computes on the processor. */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter === true || SOFTWARE.test(describeAdapter(info));
}

export function describeAdapter(info: GPUAdapterInfo): string {
  const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(" ");
  return name || "unnamed adapter";
}
