/** The gpu.js backend: for browsers with WebGL2 and no WebGPU; in Node it runs in gpu.js's CPU modes. */

import { Breather } from "../../breathe.js";
import { DeviceError, UnsupportedError } from "../../errors.js";
import { type FoldCache, type Graph, optimizePieces } from "../../ops/index.js";
import { type Backend, type CompileOptions, type Executable, FLOAT32_TENSORS } from "../backend.js";
import { tapValues } from "../inputs.js";
import { checkLiveSet } from "../liveSetLimit.js";
import { passesThatKeep } from "../taps.js";
import { ConstantCache } from "./device/constants.js";
import { GpujsDevice, type GpujsMode } from "./device/device.js";
import { type GpuLibrary, loadLibrary } from "./device/library.js";
import { GpujsExecutable } from "./run/executable.js";

export interface GpujsBackendOptions {
  /** Imports the optional package: `() => import("gpu.js")`. */
  readonly importModule: () => Promise<unknown>;
  /** Default `auto`: WebGL2 if the host has it, else gpu.js's WebAssembly mode, else its JavaScript mode. */
  readonly mode?: GpujsMode | "auto";
}

class GpujsBackend implements Backend {
  readonly name = "gpujs";
  readonly adapter: string;
  readonly software: boolean;
  readonly capabilities = FLOAT32_TENSORS;
  private readonly device: GpujsDevice;
  private readonly folded: FoldCache = new WeakMap();
  private readonly constants: ConstantCache;
  /** By what stands for their model. */
  private readonly executables = new Map<GpujsExecutable, object>();
  private disposed = false;

  constructor(library: GpuLibrary, mode: GpujsMode | "auto") {
    this.device = new GpujsDevice(library, mode);
    this.constants = new ConstantCache(this.device);
    this.adapter = this.device.adapter;
    this.software = this.device.software;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<Executable> {
    const { model = {} } = options;
    return this.build(graph, options, model);
  }

  counters(): undefined {}

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const executable of [...this.executables.keys()]) executable.dispose();
    this.device.dispose();
  }

  private async build(graph: Graph, options: CompileOptions, model: object): Promise<GpujsExecutable> {
    if (this.disposed) throw new DeviceError("gpujs: the backend was disposed; open it again");
    const dtype = options.dtype ?? "float32";
    if (dtype !== "float32") {
      throw new UnsupportedError(`gpujs: dtype ${dtype} is not supported here; use float32`, { dtype });
    }
    options.signal?.throwIfAborted();
    checkLiveSet(graph, "gpujs");
    const kept = new Set(tapValues(graph, options.keepTaps ?? []));
    const breather = new Breather(options.signal);
    const passes = passesThatKeep(graph, kept, (g) => optimizePieces(g, this.folded));
    const executable = new GpujsExecutable(this.device, graph, await breather.through(passes), kept, {
      constants: this.constants,
      siblings: () => [...this.executables].flatMap(([other, its]) => (its === model ? [other] : [])),
      compileKeeping: (keepTaps) => this.build(graph, { ...options, keepTaps }, model),
      onDispose: (self) => this.executables.delete(self),
    });
    this.executables.set(executable, model);
    return executable;
  }
}

/**
 * Opens the gpu.js backend.
 * @throws DeviceError if the package is missing or the host cannot run the mode.
 */
export async function createGpujsBackend({ importModule, mode = "auto" }: GpujsBackendOptions): Promise<Backend> {
  return new GpujsBackend(await loadLibrary(importModule), mode);
}
