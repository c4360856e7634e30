/**
 * Replaces `runtime/webgpu` in the light worker (scripts/build.mjs), which starts only if its page found no adapter.
 */

import { DeviceError } from "../../errors.js";
import type * as webgpu from "../../runtime/webgpu/index.js";

export const createWebGpuBackend: typeof webgpu.createWebGpuBackend = async () => {
  throw new DeviceError("webgpu: this page has no hardware adapter");
};
