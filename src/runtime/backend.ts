/** The interface of every backend: compiles a graph into an executable. */

import type { Graph, Node } from "../ops/index.js";
import type { HostTensor } from "../tensor/index.js";
import type { BackendName } from "./backendNames.js";

export type { BackendChoice, BackendName } from "./backendNames.js";

/** Storage type of activations and weights on the device. */
export type ComputeDType = "float32" | "float16" | "int8";

/** As `src/image` makes it: two neighbours for each index of a resized axis, clamped to the source, and their weights out of 2048. */
export interface AxisTaps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/**
 * A picture that the device resizes. In the network's input the resized picture has its upper left corner at (`x`,
 * `y`), with one column per index of `columns` and one row per index of `rows`. The rest is `grey`. The input's
 * floats are byte / 255.
 */
export interface DevicePicture {
  readonly pixels: {
    readonly width: number;
    readonly height: number;
    /** Row-major bytes: R, G, B, optionally with a fourth byte that is ignored. */
    readonly channels: 3 | 4;
    readonly data: Uint8Array | Uint8ClampedArray;
    /** The same picture in a browser's graphics memory (VideoFrame, ImageBitmap). `data` may then cost a copy. */
    readonly drawable?: object | undefined;
  };
  readonly x: number;
  readonly y: number;
  /** The same objects for the same sizes, so that they need not be uploaded again. */
  readonly columns: AxisTaps;
  readonly rows: AxisTaps;
  readonly grey: number;
}

/** The result of tuning. */
export interface TuneReport {
  /** Number of distinct convolutions that had not been measured yet. */
  readonly shapes: number;
  /** How many of them now use another kernel. */
  readonly changed: number;
  /** Sum of their times with the default kernels, and with the chosen ones. */
  readonly usualMs: number;
  readonly tunedMs: number;
  /** Kernels that computed wrong results or do not run on this device. */
  readonly rejected: readonly string[];
  /** False if the time ran out; unfinished measurements are repeated next time. */
  readonly complete: boolean;
}

/** Options of tuning. */
export interface TuneOptions {
  /** Progress of the measurement. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number; readonly kernel: string }) => void)
    | undefined;
  /** Called with the result when tuning ends. */
  readonly onReport?: ((report: TuneReport) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Time limit in seconds, after which no further kernel is tried. Default 120. */
  readonly seconds?: number | undefined;
}

/** Stages of a compilation, in order. */
export type CompileStage = "graph" | "lowering" | "kernels" | "weights";

/** Receives the time of a stage; may be called several times for a stage that runs in pieces. */
export type OnStage = (stage: CompileStage, ms: number) => void;

/** Options of `compile`. */
export interface CompileOptions {
  /**
   * Identifies the graph's model: graphs with the same object share packed weights, which are freed with the last of
   * their executables.
   */
  readonly model?: object | undefined;
  /** Default `float32`. */
  readonly dtype?: ComputeDType;
  /**
   * Names in `graph.taps` whose values stay readable: passes and memory plan neither drop nor overwrite them. For
   * other names, `tap` compiles a separate executable on first use.
   */
  readonly keepTaps?: readonly string[];
  readonly signal?: AbortSignal;
  /** First measure which kernels are fastest for this graph, if the backend has a choice (`Capabilities.tunes`). */
  readonly tune?: TuneOptions | undefined;
  /** Receives the times of this compilation's stages, from backends that have stages. */
  readonly onStage?: OnStage | undefined;
}

/** The time of one operation of a graph. */
export interface NodeTiming {
  readonly name: string;
  readonly type: Node["type"];
  /** Kernel that ran, e.g. `conv2d_tiled 8x8x4`. */
  readonly kernel: string;
  readonly ms: number;
  readonly flops: number;
  /** Bytes read and written at least once: inputs, weights, outputs. */
  readonly bytes: number;
}

/** Memory of a compiled graph, in bytes. */
export interface MemoryUse {
  /** Packed weights: once per model, whatever the number of its input shapes. */
  readonly weightBytes: number;
  /** Activations of this input shape. */
  readonly activationBytes: number;
  /** Tables, parameters, scratch memory, result buffers. */
  readonly stagingBytes: number;
  /** Largest sum of simultaneously live activations of the graph: no plan can need less. */
  readonly liveSetBytes: number;
  /**
   * Memory currently shared by the model's input shapes: weights and, if they take turns using it (wasm), memory for
   * the largest shape's activations.
   */
  readonly sharedBytes: number;
  /** Additional memory of this input shape, on the device and, approximately, on the host. */
  readonly shapeBytes: number;
}

/** The input of a run: the graph's inputs, or pictures for its only input (see `runPictures`). */
export type RunInput =
  | { readonly inputs: readonly HostTensor[]; readonly pictures?: undefined }
  | { readonly pictures: readonly DevicePicture[]; readonly inputs?: undefined };

/** Rows of one picture's predictions that can become boxes. */
export interface CandidateRows {
  /** Their row numbers in the whole output, ascending. */
  readonly rows: Int32Array;
  /** The rows, `columns` floats each, identical to those in the whole output. */
  readonly data: Float32Array;
  readonly columns: number;
  /** Number of rows in the whole output. */
  readonly total: number;
}

/** Outputs of a run that reads back only rows that can become boxes. */
export interface CandidateOutputs {
  /** One per picture. */
  readonly candidates: readonly CandidateRows[];
  /** The graph's other outputs, whole. */
  readonly others: readonly HostTensor[];
}

/** A compiled graph. Calls may overlap; they run and return their results in order. */
export interface Executable {
  /** @throws ShapeError if the inputs do not match the graph; DisposedError after `dispose`. */
  run(inputs: readonly HostTensor[]): Promise<HostTensor[]>;
  /** Named module outputs (`graph.taps`) of one run, NCHW float32. */
  tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>>;
  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]>;
  memory(): MemoryUse;
  dispose(): void;
}

/** A compiled graph on a device that also does part of the work before and after the network. */
export interface PictureExecutable extends Executable {
  /**
   * `run` for a graph whose only input is pictures, [N, 3, H, W]: they are resized on the device, and the input's
   * floats equal those that `run` would get. Their bytes must not change before the results are available.
   * @throws ShapeError for a different number of pictures or parts beyond the input; LimitError for a picture beyond
   * the device's limits.
   */
  runPictures(pictures: readonly DevicePicture[]): Promise<HostTensor[]>;
  /**
   * Like `run` or `runPictures`, for a detection head: reads back only rows whose objectness, and objectness × class
   * for some class, exceed `threshold`, plus a few that are close.
   * @returns undefined for a graph without such a head.
   */
  runCandidates(given: RunInput, threshold: number): Promise<CandidateOutputs | undefined>;
}

export function takesPictures(executable: Executable): executable is PictureExecutable {
  return "runPictures" in executable && "runCandidates" in executable;
}

/** What a backend can do beyond running float32 tensors. */
export interface Capabilities {
  /** Storage types that `compile` accepts. With `int8`, convolutions with `quantization` are computed in integers. */
  readonly dtypes: readonly ComputeDType[];
  /** Weights of quantized convolutions stay one byte each in the device's memory, whatever type is used for computing. */
  readonly byteWeights: boolean;
  /** `compile` accepts `tune`. */
  readonly tunes: boolean;
  /** Executables are `PictureExecutable`s, and their resizing is faster than the host's. */
  readonly fitsPictures: boolean;
  /** They read pictures directly from a browser's graphics memory, without a copy to the CPU. */
  readonly fitsDrawables: boolean;
  /**
   * Memory limit for a model's compiled input shapes (`MemoryUse.shapeBytes`), beyond which the least recently used
   * are dropped.
   */
  readonly shapeBudget: number;
}

export const FLOAT32_TENSORS: Capabilities = {
  dtypes: ["float32"],
  byteWeights: false,
  tunes: false,
  fitsPictures: false,
  fitsDrawables: false,
  shapeBudget: 16 * 2 ** 20,
};

/** Approximate host memory of a graph, without its weights. */
export const graphBytes = ({ nodes, values }: Graph): number => 384 * (nodes.length + values.length);

/** The work a backend has submitted to a GPU so far. */
export interface DeviceCounters {
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes that runs read back to the host. */
  readonly bytesRead: number;
  readonly buffersCreated: number;
  readonly pipelinesCreated: number;
  readonly bindGroupsCreated: number;
}

/** Owns its device, caches and memory; several can live side by side. */
export interface Backend {
  readonly name: BackendName;
  /** The device, human-readable: `NVIDIA H100`, `llvmpipe (software)`, `TypeScript reference`. */
  readonly adapter: string;
  /** True for a WebGPU adapter emulated on the CPU. */
  readonly software: boolean;
  readonly capabilities: Capabilities;
  /**
   * Compiles a graph.
   * @param graph as built: each backend runs its own passes.
   */
  compile(graph: Graph, options?: CompileOptions): Promise<Executable>;
  /** Undefined for backends that do not count. */
  counters(): DeviceCounters | undefined;
  /** Releases the device and all its memory. */
  dispose(): void;
}
