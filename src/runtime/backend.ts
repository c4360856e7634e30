/** What every backend offers: a graph in, something that runs out. */

import type { Graph, Node } from "../ops/index.js";
import type { HostTensor } from "../tensor/index.js";

/** Names of the backends, as `--backend` takes them. */
export type BackendName = "cpu" | "wasm" | "webgpu" | "gpujs";

/** A backend by name, or the best one that is there. */
export type BackendChoice = "auto" | BackendName;

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
 * A picture that the device brings to the network's size. In the network's input the resized picture has its upper left corner at (`x`, `y`), with one column for each index of
 * `columns` and one row for each of `rows`. The rest is `grey`. The input's floats are byte / 255.
 */
export interface DevicePicture {
  readonly pixels: {
    readonly width: number;
    readonly height: number;
    /** Row-major bytes: R, G, B, or with a fourth one that is not looked at. */
    readonly channels: 3 | 4;
    readonly data: Uint8Array | Uint8ClampedArray;
    /** The same picture in a browser's graphics memory (VideoFrame, ImageBitmap). `data` may then cost a copy. */
    readonly drawable?: object | undefined;
  };
  readonly x: number;
  readonly y: number;
  /** The same objects for the same sizes, so that they need not be sent again. */
  readonly columns: AxisTaps;
  readonly rows: AxisTaps;
  readonly grey: number;
}

/** What tuning found out. */
export interface TuneReport {
  /** Convolutions of different shapes that were not known yet. */
  readonly shapes: number;
  /** How many of them got another kernel. */
  readonly changed: number;
  /** Sum of their times with the usual kernels, and with the chosen ones. */
  readonly usualMs: number;
  readonly tunedMs: number;
  /** Kernels that gave wrong numbers or do not run on this device. */
  readonly rejected: readonly string[];
  /** False where the time ran out: what was not measured to the end will be measured next time. */
  readonly complete: boolean;
}

/** Options of tuning. */
export interface TuneOptions {
  /** The measurement under way. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number; readonly kernel: string }) => void)
    | undefined;
  /** What was found, when tuning is over. */
  readonly onReport?: ((report: TuneReport) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** No further kernel is tried after so long. Default 120. */
  readonly seconds?: number | undefined;
}

/** Parts of a compilation, in their order. */
export type CompileStage = "graph" | "lowering" | "kernels" | "weights";

/** Told what a part took; a part that comes in pieces is told piece by piece. */
export type OnStage = (stage: CompileStage, ms: number) => void;

/** Options of `compile`. */
export interface CompileOptions {
  /**
   * Stands for the model that the graph is of: graphs that are given the same object share packed weights, which are freed with
   * the last of their executables.
   */
  readonly model?: object | undefined;
  /** Default `float32`. */
  readonly dtype?: ComputeDType;
  /**
   * Names in `graph.taps` whose values stay readable: passes and memory plan then neither drop nor overwrite them. For others,
   * `tap` compiles an executable by itself on first use.
   */
  readonly keepTaps?: readonly string[];
  readonly signal?: AbortSignal;
  /** First measure which kernels are the fastest for this graph, where the backend has several (`Capabilities.tunes`). */
  readonly tune?: TuneOptions | undefined;
  /** Told what the parts of this compilation took, by backends that have them. */
  readonly onStage?: OnStage | undefined;
}

/** What one operation of a graph took. */
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
  /** Packed weights: once for a model, whatever the number of its input shapes. */
  readonly weightBytes: number;
  /** What the activations of this input shape take. */
  readonly activationBytes: number;
  /** Tables, parameters, scratch memory, results on their way back. */
  readonly stagingBytes: number;
  /** Largest sum of simultaneously live activations of the graph: no plan can need less. */
  readonly liveSetBytes: number;
  /**
   * What the model's input shapes hold together, now: weights and, where they take turns with it (wasm), memory for the
   * activations of the largest.
   */
  readonly sharedBytes: number;
  /** What this input shape adds to that, on the device and, roughly, on the host. */
  readonly shapeBytes: number;
}

/** What a run starts from: the graph's inputs, or pictures for its only one (see `runPictures`). */
export type RunInput =
  | { readonly inputs: readonly HostTensor[]; readonly pictures?: undefined }
  | { readonly pictures: readonly DevicePicture[]; readonly inputs?: undefined };

/** Rows of one picture's detections that can become boxes. */
export interface CandidateRows {
  /** Their numbers in the whole output, ascending. */
  readonly rows: Int32Array;
  /** Row after row, `columns` floats each, the same as in the whole output. */
  readonly data: Float32Array;
  readonly columns: number;
  /** Rows of the whole output. */
  readonly total: number;
}

/** Outputs of a run that reads back only rows that can become boxes. */
export interface CandidateOutputs {
  /** One a picture. */
  readonly candidates: readonly CandidateRows[];
  /** The graph's other outputs, whole. */
  readonly others: readonly HostTensor[];
}

/** A compiled graph. Calls may overlap; they run, and give their results, in their order. */
export interface Executable {
  /** @throws ShapeError when the inputs are not what the graph declares; DisposedError after `dispose`. */
  run(inputs: readonly HostTensor[]): Promise<HostTensor[]>;
  /** Named module outputs (`graph.taps`) of one run, NCHW float32. */
  tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>>;
  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]>;
  memory(): MemoryUse;
  dispose(): void;
}

/** A compiled graph on a device that does part of the work before and after the network, too. */
export interface PictureExecutable extends Executable {
  /**
   * `run` for a graph whose one input is pictures, [N, 3, H, W]: they are resized on the device, and every float of the input is
   * what `run` would have been given. Their bytes must not change before the results are there.
   * @throws ShapeError for another number of pictures or parts beyond the input; LimitError for a picture beyond the device.
   */
  runPictures(pictures: readonly DevicePicture[]): Promise<HostTensor[]>;
  /**
   * As `run` or `runPictures`, for a detection head of whose rows only those matter that have an objectness, and objectness ×
   * class for some class, above `threshold`: the others stay on the device, but for a few that are close.
   * @returns undefined for a graph without such a head.
   */
  runCandidates(given: RunInput, threshold: number): Promise<CandidateOutputs | undefined>;
}

export function takesPictures(executable: Executable): executable is PictureExecutable {
  return "runPictures" in executable && "runCandidates" in executable;
}

/** What a backend can do beyond running tensors in float32. */
export interface Capabilities {
  /** Storage types that `compile` takes. With `int8`, convolutions with `quantization` are computed in integers. */
  readonly dtypes: readonly ComputeDType[];
  /** `compile` takes `tune`. */
  readonly tunes: boolean;
  /** Executables are `PictureExecutable`s, and their resizing is faster than the CPU's. */
  readonly fitsPictures: boolean;
  /** How much a model's compiled input shapes may take (`MemoryUse.shapeBytes`) before those not used lately are dropped. */
  readonly shapeBudget: number;
}

export const FLOAT32_TENSORS: Capabilities = {
  dtypes: ["float32"],
  tunes: false,
  fitsPictures: false,
  shapeBudget: 16 * 2 ** 20,
};

/** Roughly what a graph takes of the host's memory, without its weights. */
export const graphBytes = ({ nodes, values }: Graph): number => 384 * (nodes.length + values.length);

/** What a backend has asked of a GPU so far. */
export interface DeviceCounters {
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes that runs copied back for the host to read. */
  readonly bytesRead: number;
  readonly buffersCreated: number;
  readonly pipelinesCreated: number;
  readonly bindGroupsCreated: number;
}

/** Owns its device, caches and memory; several can live side by side. */
export interface Backend {
  readonly name: BackendName;
  /** What runs it, for people: `NVIDIA H100`, `llvmpipe (software)`, `TypeScript reference`. */
  readonly adapter: string;
  /** True for a WebGPU adapter that is emulated on the CPU. */
  readonly software: boolean;
  readonly capabilities: Capabilities;
  /**
   * Makes a graph runnable.
   * @param graph as built: each backend runs its own passes.
   */
  compile(graph: Graph, options?: CompileOptions): Promise<Executable>;
  /** Undefined for backends that do not count. */
  counters(): DeviceCounters | undefined;
  /** Frees the device and all its memory. */
  dispose(): void;
}
