/** The WASM backend: kernels emitted for what the host can run, one linear memory per compiled graph. */

import { Breather } from "../../breathe.js";
import { DeviceError, OptionError, UnsupportedError } from "../../errors.js";
import { hasRelaxedSimd, hasSharedMemory, hasSimd, type Target } from "../../kernels/wasm/index.js";
import { type FoldCache, type Graph, optimizePieces } from "../../ops/index.js";
import { type Backend, type Capabilities, type CompileOptions, type Executable, FLOAT32_TENSORS } from "../backend.js";
import { tapValues } from "../inputs.js";
import { Stopwatch } from "../stopwatch.js";
import { passesThatKeep } from "../taps.js";
import { type SpawnWorker, webWorkers } from "./device/worker.js";
import { type Loaded, type Runner, WasmExecutable } from "./run/executable.js";
import { mayBlock, ThreadPool } from "./run/pool.js";
import { createMemory, createProgram, ModuleCache, prepareProgram, writeProgram } from "./run/program.js";

export interface WasmBackendOptions {
  /**
   * Instructions to use; `auto` takes the fastest that the host has. `scalar` is for hosts without SIMD (and tests).
   * Default `auto`.
   */
  readonly instructions?: "auto" | "relaxed" | "simd" | "scalar";
  /**
   * Threads to compute with. Default: what the host says it has, eight at most; more than four a core (or 16, where that is
   * more) are cut to that. Hosts without shared memory or workers (pages that are not cross-origin isolated) compute with one.
   */
  readonly threads?: number;
  /** Cores of the host. Default: what it says itself, as web browsers do. */
  readonly cores?: number;
  /** Told of a number of threads that was cut. */
  readonly onNote?: ((note: string) => void) | undefined;
  /**
   * Whether the calling thread computes too and blocks meanwhile. Default: where the host allows it, which is
   * everywhere but the main thread of a page. `false` leaves all work to worker threads.
   */
  readonly blocking?: boolean;
  /** Starts worker threads where the host's are not web workers (Node: `src/node/wasm.ts`). */
  readonly spawn?: SpawnWorker;
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

/** A pool where the host allows one, else undefined: then one thread does all. */
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

/** Runs on the calling thread. */
function singleThread(instance: WebAssembly.Instance): Runner {
  const run = instance.exports.run as (first: number, last: number) => void;
  return {
    async run(first, last) {
      run(first, last);
    },
    dispose() {},
  };
}

class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly software = false;
  readonly adapter: string;
  readonly capabilities: Capabilities;
  private readonly modules = new ModuleCache();
  private readonly folded: FoldCache = new WeakMap();
  private readonly executables = new Set<WasmExecutable>();
  private disposed = false;

  constructor(
    private readonly target: Target,
    private readonly pool: ThreadPool | undefined,
  ) {
    // The integer kernels have no scalar twins.
    this.capabilities = target.simd ? { ...FLOAT32_TENSORS, dtypes: ["float32", "int8"] } : FLOAT32_TENSORS;
    const threads = pool?.threads ?? 1;
    const instructions = target.relaxed ? "relaxed SIMD" : target.simd ? "SIMD" : "scalar";
    this.adapter = `WebAssembly ${instructions}, ${threads} thread${threads === 1 ? "" : "s"}`;
  }

  async compile(graph: Graph, options: CompileOptions = {}): Promise<Executable> {
    return this.build(graph, options);
  }

  private async build(graph: Graph, options: CompileOptions): Promise<WasmExecutable> {
    this.check();
    const dtype = options.dtype ?? "float32";
    if (!this.capabilities.dtypes.includes(dtype)) {
      throw new UnsupportedError(`wasm: dtype ${dtype} is not supported here; use float32`, { dtype });
    }
    options.signal?.throwIfAborted();
    const watch = new Stopwatch(options.onStage);
    const kept = new Set(tapValues(graph, options.keepTaps ?? []));
    const breather = new Breather(options.signal);
    const optimized = await breather.through(passesThatKeep(graph, kept, (g) => optimizePieces(g, this.folded)));
    this.check();
    watch.lap("graph");
    const program = createProgram(optimized, kept, this.pool?.threads ?? 1, 0, dtype === "int8");
    watch.lap("lowering");
    const compiled = this.modules.get(this.target, program);
    watch.lap("kernels");
    const memory = createMemory(program, this.target.shared);
    await breather.through(writeProgram(program, memory, compiled.slots));
    this.check();
    watch.lap("weights");
    const module = await compiled.module;
    options.signal?.throwIfAborted();
    const runner = this.pool
      ? await this.pool.load(module, memory, program.addresses.counters)
      : singleThread(await WebAssembly.instantiate(module, { env: { memory } }));
    watch.lap("kernels");
    try {
      await prepareProgram(program, memory, async (first, last) => {
        await runner.run(first, last);
        await breather.rest();
        this.check();
      });
    } catch (error) {
      runner.dispose();
      throw error;
    }
    watch.lap("weights");
    const loaded: Loaded = { program, memory, runner };
    const executable = new WasmExecutable(
      loaded,
      graph,
      kept,
      (keepTaps) => this.build(graph, { ...options, keepTaps, onStage: undefined }),
      (self) => this.executables.delete(self),
    );
    this.executables.add(executable);
    return executable;
  }

  private check(): void {
    if (this.disposed) throw new DeviceError("wasm: the backend was disposed; open it again");
  }

  counters(): undefined {}

  dispose(): void {
    this.disposed = true;
    for (const executable of [...this.executables]) executable.dispose();
    this.modules.clear();
    this.pool?.dispose();
  }
}

/**
 * Opens the WASM backend.
 * @throws DeviceError when the host has no WebAssembly, or not the instructions that were asked for.
 */
export async function createWasmBackend(options: WasmBackendOptions = {}): Promise<Backend> {
  if (typeof WebAssembly !== "object") throw new DeviceError("wasm: this host has no WebAssembly; use --backend cpu");
  const pool = await openPool(options);
  try {
    return new WasmBackend(chooseTarget(options, pool !== undefined), pool);
  } catch (error) {
    pool?.dispose();
    throw error;
  }
}
