/**
 * The part of npm `gpu.js` (2.x, MIT) that the backend uses, and how it is loaded. The package is optional and its own
 * types are not imported: users without it could not compile ours.
 */

import { DeviceError } from "../../../errors.js";

/** A flat array that kernels index as [z][y][x]; made by the library's `input`. */
export interface GpuInput {
  readonly value: Float32Array;
  readonly size: readonly number[];
}

/** A pipelined kernel's result in WebGL. */
export interface GpuTexture {
  /** RGBA of every texel, one texel a thread; rows past the last thread are undefined. */
  renderValues(): Float32Array;
  delete(): void;
}

export type GpuArgument = GpuInput | GpuTexture;

/** A compiled kernel: gives a texture (WebGL, pipelined) or nested arrays [z][y][x]. */
export interface GpuKernel {
  (...args: readonly GpuArgument[]): unknown;
  setOutput(output: readonly number[]): GpuKernel;
  destroy(removeCanvas?: boolean): void;
}

interface GpuKernelSettings {
  readonly output: readonly number[];
  readonly precision: "single";
  readonly pipeline?: boolean;
  readonly immutable?: boolean;
  readonly dynamicOutput?: boolean;
  readonly dynamicArguments?: boolean;
  readonly loopMaxIterations?: number;
  readonly tactic?: "precision";
}

export interface Gpu {
  readonly context: unknown;
  createKernel(source: string, settings: GpuKernelSettings): GpuKernel;
  destroy(): Promise<void>;
}

export interface GpuLibrary {
  readonly GPU: {
    new (settings: { readonly mode: string }): Gpu;
    readonly isWebGL2Supported: boolean;
    readonly isWebAssemblySupported?: boolean;
  };
  readonly input: (value: Float32Array, size: readonly number[]) => GpuInput;
}

function isLibrary(value: unknown): value is GpuLibrary {
  const candidate = value as Partial<GpuLibrary> | undefined;
  return typeof candidate?.GPU === "function" && typeof candidate.input === "function";
}

/**
 * Loads the package. `importModule` is the host's `() => import("gpu.js")`.
 * @throws DeviceError when the package is absent.
 */
export async function loadLibrary(importModule: () => Promise<unknown>): Promise<GpuLibrary> {
  let module: unknown;
  try {
    module = await importModule();
  } catch (error) {
    throw new DeviceError('gpujs: needs the optional package "gpu.js"; run npm install gpu.js', {}, { cause: error });
  }
  // CommonJS behind `import()`: the exports, or the exports under `default`, as the bundler likes it. The browser build
  // exports the class GPU with all else as its properties.
  const inner = (module as { readonly default?: unknown }).default;
  for (const candidate of [module, inner]) if (isLibrary(candidate)) return candidate;
  throw new DeviceError('gpujs: the installed "gpu.js" has no GPU and input; run npm install gpu.js@2');
}
