/** The options of `load`, the same in Node and in pages. */

import type { BackendChoice, TuneOptions } from "../runtime/backend.js";

/** Bytes so far, and the total if the server reports it. */
export type OnProgress = (progress: { readonly loaded: number; readonly total: number | undefined }) => void;

/** Options of `load`. */
export interface LoadOptions {
  /**
   * Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference, with a note for each fallback. In
   * pages, WebGL2 (`gpujs`) in place of the latter two if it is hardware-accelerated and measured to be faster. If a
   * backend chosen by name is not available, `load` throws a DeviceError.
   */
  readonly backend?: BackendChoice | undefined;
  /** Use float16 storage on backends that support it. */
  readonly half?: boolean | undefined;
  /**
   * Threads of the WASM backend; pages need cross-origin isolation for more than one. Default: the number of cores,
   * at most eight.
   */
  readonly threads?: number | undefined;
  /**
   * WebGPU: measure which kernels are fastest on this device before an input size first runs. Node saves the choice
   * for later runs. `true`, or callbacks and a time limit.
   */
  readonly tune?: boolean | TuneOptions | undefined;
  /**
   * Node: compute in a worker thread, so that the caller's thread stays free; pages have `loadInWorker`. False computes
   * on the caller's thread. Default true. If no thread can start, a note says why, and the caller's thread computes.
   */
  readonly worker?: boolean | undefined;
  /**
   * Node, and `loadInWorker` in pages: number of workers, for many pictures. `detect([…])`, `stream` and overlapping calls
   * are spread over them; lists and streams keep their order. Each has its own network, on one thread unless `threads`
   * is set, and its own packed weights. WebGPU and gpu.js use only one, because there is one device. Default: one
   * worker, whose network uses all `threads`.
   */
  readonly workers?: number | undefined;
  /** Progress of downloads, in bytes. */
  readonly onProgress?: OnProgress | undefined;
  /** Receives notes about decisions, also after loading (for example a lost device that was reopened). */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Model description (YAML content) for a state dict without one. */
  readonly config?: unknown;
  /** Class names for a file without any, such as a stripped ONNX export: a list, or an object from index to name. */
  readonly names?: readonly string[] | Readonly<Record<number, string>> | undefined;
  /** Maximum number of pixels of picture files that `detect` reads. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Aborts loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Pages on WebGPU: resize pictures on the device, so that canvases, bitmaps, videos and video frames are not read
   * back to the CPU. Default: true on hardware adapters.
   */
  readonly fitPictures?: boolean | undefined;
  /**
   * Pages: keep downloads in Cache Storage and reuse them next time. Default false. Node always caches released
   * models, and this says whether weights are kept in the cache folder as the WASM backend packs them, so that the next start
   * is faster. Default: yes if the weights come from a file or by a released name; of bytes and addresses only kernels are
   * kept, which hold nothing of the model. With `false`, nothing is kept.
   */
  readonly cache?: boolean | undefined;
}

/** A web page's `Worker`. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): void;
}

/** Options of `loadInWorker`. */
export interface LoadInWorkerOptions extends LoadOptions {
  /**
   * Starts the worker from your own file, for pages whose policy forbids blob workers: `() => new Worker(new
   * URL("yolov5-ts/worker", import.meta.url), { type: "module" })`.
   */
  readonly createWorker?: (() => WorkerLike) | undefined;
}
