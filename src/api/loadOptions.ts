/** The options of `load`, the same in Node and in pages. */

import type { BackendChoice, TuneOptions } from "../runtime/backend.js";

/** Bytes so far, and of the whole where the server says. */
export type OnProgress = (progress: { readonly loaded: number; readonly total: number | undefined }) => void;

/** Options of `load`. */
export interface LoadOptions {
  /**
   * Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference, with a note for each step down; in pages
   * WebGL2 (`gpujs`) in place of the latter two where a graphics card draws it and it is found to be faster. A backend that
   * is asked for by name and cannot be had is a DeviceError.
   */
  readonly backend?: BackendChoice | undefined;
  /** float16 storage on backends that have it. */
  readonly half?: boolean | undefined;
  /** Threads of the WASM backend; in pages only where they are cross-origin isolated. Default: the cores, eight at most. */
  readonly threads?: number | undefined;
  /**
   * WebGPU: measure which kernels are the fastest on this device before an input size runs first; Node keeps the choice for
   * later starts. `true`, or what to tell and when to stop.
   */
  readonly tune?: boolean | TuneOptions | undefined;
  /** Progress of downloads, in bytes. */
  readonly onProgress?: OnProgress | undefined;
  /** Sentences about what was decided on the way, also later (a device that was lost and opened again). */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Model description (yaml content) for a state dict that carries none. */
  readonly config?: unknown;
  /** Largest number of pixels of picture files that `detect` reads. Default 2^26. */
  readonly maxPixels?: number | undefined;
  /** Ends the loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Pages on WebGPU: resize pictures on the device; canvases, bitmaps, videos and their frames then go there without passing
   * through the CPU. Default: on hardware adapters.
   */
  readonly fitPictures?: boolean | undefined;
  /** Pages: keep downloads in Cache Storage and take them from there next time. Default false. Node keeps released models anyway. */
  readonly cache?: boolean | undefined;
}

/** A `Worker` of a page. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): void;
}

/** Options of `loadInWorker`. */
export interface LoadInWorkerOptions extends LoadOptions {
  /**
   * Starts the worker from a file of yours, for pages whose policy allows no blob workers:
   * `() => new Worker(new URL("yolov5-ts/worker", import.meta.url), { type: "module" })`.
   */
  readonly createWorker?: (() => WorkerLike) | undefined;
}
