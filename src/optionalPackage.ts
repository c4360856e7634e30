/** Optional packages: imported when needed, and hidden from bundlers. */

export type OptionalPackage = "bullmq" | "gpu.js" | "harfbuzzjs" | "ioredis" | "vega" | "webgpu";

/**
 * `import(name)` that bundlers leave alone: they would fail to build if the package is not installed, and cannot
 * include its native parts. In a bundle, the package is resolved from the bundle's location.
 * @throws Node's error if the package is missing.
 */
export function importOptional<Module>(name: OptionalPackage): Promise<Module> {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}
