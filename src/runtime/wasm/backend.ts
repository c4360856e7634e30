/** The WASM backend: kernels emitted for what the host can run, one linear memory per model. */

import { atOnce, Breather, type Pieces } from "../../breathe.js";
import { DeviceError, OptionError, UnsupportedError } from "../../errors.js";
import {
  exactDot,
  hasRelaxedSimd,
  hasSharedMemory,
  hasSimd,
  type IntegerFormat,
  type Target,
} from "../../kernels/wasm/index.js";
import { type FoldCache, type Graph, optimizePieces, type ValueId } from "../../ops/index.js";
import {
  type Backend,
  type Capabilities,
  type CompileOptions,
  type ComputeDType,
  type Executable,
  FLOAT32_TENSORS,
} from "../backend.js";
import { tapValues } from "../inputs.js";
import { Stopwatch } from "../stopwatch.js";
import { passesThatKeep } from "../taps.js";
import { KernelLibrary } from "./device/kernelLibrary.js";
import { type OpenMachine, singleThread } from "./device/machine.js";
import { mayBlock, ThreadPool } from "./device/pool.js";
import { type SpawnWorker, webWorkers } from "./device/worker.js";
import { type ExecutableHost, WasmExecutable } from "./run/executable.js";
import { ModelMemory } from "./run/modelMemory.js";
import type { PreparedStore } from "./run/preparedStore.js";
import { createProgram, type Program } from "./run/program.js";

export interface WasmBackendOptions {
  /**
   * Instructions to use; `auto` picks the fastest that the host supports. `scalar` is for hosts without SIMD (and
   * tests). Default `auto`.
   */
  readonly instructions?: "auto" | "relaxed" | "simd" | "scalar";
  /**
   * Number of threads. Default: the host's number of cores, at most eight. Limited to four per core, or 16 if that is
   * more. Hosts without shared memory or workers (pages that are not cross-origin isolated) use one thread.
   */
  readonly threads?: number;
  /**
   * Numbers that int8 convolutions are computed in. `auto`: bytes where the host's dot product is exact for unsigned or for
   * signed ones, which a probe finds out, else `int16`. Sums are the same. `unsigned` and `signed` are for tests: where the
   * host's instruction is not exact for them, slow ones take its place. Default `auto`.
   */
  readonly integers?: "auto" | IntegerFormat;
  /** The host's number of cores. Default: as reported by the host. */
  readonly cores?: number;
  /** Receives a note if the number of threads was reduced. */
  readonly onNote?: ((note: string) => void) | undefined;
  /**
   * Whether the calling thread computes too and blocks meanwhile. Default: true if the host allows it, which is
   * everywhere except a page's main thread. `false` leaves all work to worker threads.
   */
  readonly blocking?: boolean;
  /** Starts worker threads on hosts without web workers (Node: `src/node/wasm.ts`). */
  readonly spawn?: SpawnWorker;
  /** Keeps what models are prepared from between runs. */
  readonly store?: PreparedStore | undefined;
}

/** Threads beyond which a network of small layers gains little. */
const MOST_DEFAULT_THREADS = 8;
/** Every thread takes about 8 MB of the host's memory, whether it has a core to run on or not. */
const MOST_PER_CORE = 4;
/** Allowed on any host. */
const ALWAYS_ALLOWED = 16;

function chooseThreads(options: WasmBackendOptions): number {
  const { threads, cores = globalThis.navigator?.hardwareConcurrency ?? 1, onNote } = options;
  if (threads === undefined) return Math.max(1, Math.min(MOST_DEFAULT_THREADS, cores));
  if (!(Number.isInteger(threads) && threads >= 1)) {
    throw new OptionError(`wasm: threads must be a whole number of at least 1, got ${threads}`, { threads });
  }
  const most = Math.max(ALWAYS_ALLOWED, MOST_PER_CORE * cores);
  if (threads > most) onNote?.(`wasm: ${threads} threads are too many for this host; running with ${most}`);
  return Math.min(threads, most);
}

/** A pool if the host allows one; otherwise undefined, and one thread does everything. */
async function openPool(options: WasmBackendOptions): Promise<ThreadPool | undefined> {
  const threads = chooseThreads(options);
  const spawn = options.spawn ?? webWorkers();
  if (!spawn || !hasSharedMemory()) return undefined;
  const participates = mayBlock() && (options.blocking ?? true);
  if (threads === 1 && participates) return undefined;
  const pool = new ThreadPool(spawn, threads, participates);
  // A thread that takes part needs no other to get on; one that cannot must know that they run.
  if (participates || (await pool.ready())) return pool;
  pool.dispose();
  return undefined;
}

function chooseTarget(options: WasmBackendOptions, shared: boolean): Target {
  const wanted = options.instructions ?? "auto";
  const simd = wanted !== "scalar" && hasSimd();
  const relaxed = simd && wanted !== "simd" && hasRelaxedSimd();
  if ((wanted === "simd" && !simd) || (wanted === "relaxed" && !relaxed)) {
    throw new DeviceError(
      `wasm: this host has no ${wanted === "simd" ? "SIMD" : "relaxed SIMD"}; use instructions auto`,
      {
        wanted,
      },
    );
  }
  return { simd, relaxed, shared };
}

/** Which numbers int8 convolutions are computed in, and what the kernels are then emitted for. */
function chooseIntegers(options: WasmBackendOptions, target: Target): readonly [IntegerFormat, Target] {
  const wanted = options.integers ?? "auto";
  if (!target.relaxed || wanted === "int16") return ["int16", target];
  const exact = exactDot();
  if (wanted === "auto") return [exact ?? "int16", target];
  return [wanted, exact === wanted ? target : { ...target, spelledDot: wanted }];
}

/** What runs kernels on this host, for those that keep their own memory. */
export async function openMachine(options: WasmBackendOptions): Promise<{
  readonly target: Target;
  readonly threads: number;
  readonly open: OpenMachine;
  readonly dispose: () => void;
}> {
  const pool = await openPool(options);
  return {
    target: chooseTarget(options, pool !== undefined),
    threads: pool?.threads ?? 1,
    open: (memory) => pool?.open(memory) ?? singleThread(memory),
    dispose: () => pool?.dispose(),
  };
}

class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly software = false;
  readonly adapter: string;
  readonly capabilities: Capabilities;
  private readonly kernels: KernelLibrary;
  private readonly folded: FoldCache = new WeakMap();
  private readonly models = new WeakMap<object, ModelMemory>();
  private readonly executables = new Set<WasmExecutable>();
  private disposed = false;

  constructor(
    private readonly target: Target,
    private readonly integers: IntegerFormat,
    private readonly pool: ThreadPool | undefined,
    private readonly store: PreparedStore | undefined,
  ) {
    // The integer kernels have no scalar twins.
    const dtypes: Capabilities["dtypes"] = target.simd ? ["float32", "int8"] : ["float32"];
    this.capabilities = { ...FLOAT32_TENSORS, dtypes, fitsPictures: true };
    this.kernels = new KernelLibrary(target, store);
    const threads = pool?.threads ?? 1;
    const instructions = target.relaxed ? "relaxed SIMD" : target.simd ? "SIMD" : "scalar";
    this.adapter = `WebAssembly ${instructions}, ${threads} thread${threads === 1 ? "" : "s"}`;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<Executable> {
    const { model = {} } = options;
    return this.build(graph, { ...options, model }, model);
  }

  private async build(graph: Graph, options: CompileOptions, token: object): Promise<WasmExecutable> {
    this.check();
    const dtype = options.dtype ?? "float32";
    if (!this.capabilities.dtypes.includes(dtype)) {
      throw new UnsupportedError(`wasm: dtype ${dtype} is not supported here; use float32`, { dtype });
    }
    options.signal?.throwIfAborted();
    const watch = new Stopwatch(options.onStage);
    const kept = new Set(tapValues(graph, options.keepTaps ?? []));
    const breather = new Breather(options.signal);
    const optimized = await breather.through(this.passes(graph, kept));
    this.check();
    watch.lap("graph");
    const program = this.lower(optimized, kept, dtype);
    watch.lap("lowering");
    const model = this.memoryOf(token);
    model.use();
    try {
      const plan = await model.load(program, { breather, watch, check: () => this.check() });
      const executable = new WasmExecutable(program, plan, model, graph, this.hostOf(graph, options, token));
      this.executables.add(executable);
      return executable;
    } catch (error) {
      model.unuse();
      throw error;
    }
  }

  private passes(graph: Graph, kept: ReadonlySet<ValueId>): Pieces<Graph> {
    return passesThatKeep(graph, kept, (g) => optimizePieces(g, this.folded));
  }

  private lower(optimized: Graph, kept: ReadonlySet<ValueId>, dtype: ComputeDType | undefined): Program {
    return createProgram(optimized, kept, this.pool?.threads ?? 1, 0, dtype === "int8" ? this.integers : undefined);
  }

  /** Not within `build`: what lives as long as an executable would hold all that was made on the way to it. */
  private hostOf(graph: Graph, options: CompileOptions, token: object): ExecutableHost {
    return {
      compileKeeping: (keepTaps) => this.build(graph, { ...options, keepTaps, onStage: undefined }, token),
      lower: () => {
        const kept = new Set(tapValues(graph, options.keepTaps ?? []));
        return this.lower(atOnce(this.passes(graph, kept)), kept, options.dtype);
      },
      onDispose: (self) => this.executables.delete(self),
    };
  }

  private memoryOf(token: object): ModelMemory {
    const known = this.models.get(token);
    if (known) return known;
    const machine: OpenMachine = (memory) => this.pool?.open(memory) ?? singleThread(memory);
    const onUnused = () => this.models.delete(token);
    const made = new ModelMemory(this.target.shared, this.kernels, machine, onUnused, this.store);
    this.models.set(token, made);
    return made;
  }

  private check(): void {
    if (this.disposed) throw new DeviceError("wasm: the backend was disposed; open it again");
  }

  counters(): undefined {}

  dispose(): void {
    this.disposed = true;
    for (const executable of [...this.executables]) executable.dispose();
    this.pool?.dispose();
  }
}

/**
 * Opens the WASM backend.
 * @throws DeviceError if the host lacks WebAssembly or the requested instructions.
 */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend> {
  if (typeof WebAssembly !== "object") throw new DeviceError("wasm: this host has no WebAssembly; use --backend cpu");
  const pool = await openPool(options);
  try {
    const [integers, target] = chooseIntegers(options, chooseTarget(options, pool !== undefined));
    return new WasmBackend(target, integers, pool, options.store);
  } catch (error) {
    pool?.dispose();
    throw error;
  }
}
