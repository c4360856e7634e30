/** Optional packages: imported when needed, and hidden from bundlers. */

export type OptionalPackage =
  | "@grpc/grpc-js"
  | "@grpc/proto-loader"
  | "bullmq"
  | "fastify"
  | "ffi-rs"
  | "gpu.js"
  | "harfbuzzjs"
  | "ioredis"
  | "prom-client"
  | "vega"
  | "webgpu";

/**
 * `import(name)` that bundlers leave alone: they would fail to build if the package is not installed, and cannot
 * include its native parts. In a bundle, the package is resolved from the bundle's location.
 * @throws Node's error if the package is missing.
 */
export function importOptional<Module>(name: OptionalPackage): Promise<Module> {
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name);
}
