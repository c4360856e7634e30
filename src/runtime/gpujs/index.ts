export { createGpujsBackend, type GpujsBackendOptions } from "./backend.js";
export type { GpujsMode } from "./device/device.js";
