import type { Plugin } from "esbuild";

export const gpuJsForPages: Plugin;
export const withoutGpuJs: Plugin;
