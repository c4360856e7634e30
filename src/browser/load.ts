/** `load` in a page or worker. */

import { computeDTypeFor, createMember, openModel } from "../yolov5/loadModel.js";
import { Model } from "../yolov5/model.js";
import { type BackendChoice, openBackend } from "./backends.js";
import { fetchBytes, type OnProgress } from "./download.js";
import { type PictureSource, readPictureSource } from "./pictureSource.js";

/** URL, file or bytes of a checkpoint. */
export type WeightSource = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /**
   * Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference, with a note for each step down. A
   * backend that is asked for by name and cannot be had is a DeviceError.
   */
  readonly backend?: BackendChoice | undefined;
  readonly half?: boolean | undefined;
  /** Threads of the WASM backend, where the page is cross-origin isolated. Default: the machine's cores, eight at most. */
  readonly threads?: number | undefined;
  /**
   * On WebGPU: resize pictures on the device; canvases, bitmaps, videos and their frames then go there without passing
   * through the CPU. Default: on hardware adapters.
   */
  readonly fitPictures?: boolean | undefined;
  /** WebGPU: measure which kernels are the fastest on this device before an input size runs first. Default false. */
  readonly tune?: boolean | undefined;
  /** Progress of downloads, in bytes. */
  readonly onProgress?: OnProgress | undefined;
  /** Sentences about what was decided on the way, also later (a device that was lost and opened again). */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Keep downloads in the browser's Cache Storage and take them from there next time. Default false. */
  readonly cache?: boolean | undefined;
  /** Model description (yaml content) for a state dict that carries none. */
  readonly config?: unknown;
  /** Ends the loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

async function bytesOf(source: WeightSource, options: LoadOptions): Promise<{ bytes: Uint8Array; path: string }> {
  if (typeof source === "string" || source instanceof URL) {
    const { onProgress, signal, cache } = options;
    return { bytes: await fetchBytes(String(source), { onProgress, signal, cache }), path: String(source) };
  }
  if (source instanceof Blob) {
    const path = "name" in source ? String(source.name) : "checkpoint";
    return { bytes: new Uint8Array(await source.arrayBuffer()), path };
  }
  return { bytes: source instanceof Uint8Array ? source : new Uint8Array(source), path: "checkpoint" };
}

/**
 * Loads a model, or several as an ensemble.
 * @throws CheckpointError, DownloadError: what the file is and what to do; DeviceError: no such backend here.
 * @example
 * const model = await load("best.pt", { onProgress: ({ loaded, total }) => bar(loaded, total) });
 * const { detections } = await model.detect(document.querySelector("img"));
 */
export async function load(
  source: WeightSource | readonly WeightSource[],
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  const { signal, onNote, threads, config, fitPictures } = options;
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const opened = [];
  for (const item of sources) {
    const { bytes, path } = await bytesOf(item, options);
    signal?.throwIfAborted();
    opened.push({ path, model: openModel(bytes, { path, config }) });
  }
  const backend = await openBackend(options.backend ?? "auto", { onNote, threads, fitPictures });
  try {
    signal?.throwIfAborted();
    const members = opened.map(({ model, path }) =>
      createMember(model, backend, {
        path,
        dtype: computeDTypeFor(model, backend, options),
        tune: options.tune ? {} : undefined,
        onNote,
      }),
    );
    const read = (source: PictureSource) => readPictureSource(source, backend.fitsPictures === true);
    return new Model(members, backend, read);
  } catch (error) {
    backend.dispose();
    throw error;
  }
}
