/** `load` in a page or worker. */

import type { Backend } from "../runtime/backend.js";
import { computeDTypeFor, createMember, type OpenedModel, openModel } from "../yolov5/loadModel.js";
import { Model } from "../yolov5/model.js";
import type { ReadPictureOptions } from "../yolov5/pictures.js";
import { type BackendChoice, openBackend, openGpujsElseWasm } from "./backends.js";
import { fetchBytes, type OnProgress } from "./download.js";
import { type PictureSource, readPictureSource } from "./pictureSource.js";
import { fasterOf, hasHardwareWebGl2 } from "./webGl.js";

/** URL, file or bytes of a checkpoint. */
export type WeightSource = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface LoadOptions {
  /**
   * Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference, with a note for each step down; WebGL2
   * (`gpujs`) in place of the latter two where a graphics card draws it and it is found to be faster. A backend that is
   * asked for by name and cannot be had is a DeviceError.
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
  /** Largest number of pixels of picture files that `detect` reads. Default 2^26. */
  readonly maxPixels?: number | undefined;
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

async function openSources(source: WeightSource | readonly WeightSource[], options: LoadOptions): Promise<Opened[]> {
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const opened: Opened[] = [];
  for (const item of sources) {
    const { bytes, path } = await bytesOf(item, options);
    options.signal?.throwIfAborted();
    opened.push({ path, model: openModel(bytes, { path, config: options.config }) });
  }
  return opened;
}

interface Opened {
  readonly path: string;
  readonly model: OpenedModel;
}

/** Puts the members on the backend, which goes where that fails. */
function onBackend(opened: readonly Opened[], backend: Backend, options: LoadOptions): Model<PictureSource> {
  try {
    options.signal?.throwIfAborted();
    const members = opened.map(({ model, path }) =>
      createMember(model, backend, {
        path,
        dtype: computeDTypeFor(model, backend, options),
        tune: options.tune ? {} : undefined,
        onNote: options.onNote,
      }),
    );
    const read = (source: PictureSource, { maxPixels = options.maxPixels, begin }: ReadPictureOptions = {}) =>
      readPictureSource(source, backend.fitsPictures === true, { maxPixels, begin });
    return new Model(members, backend, read);
  } catch (error) {
    backend.dispose();
    throw error;
  }
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
  const { backend: choice = "auto", signal, onNote, threads, fitPictures } = options;
  const opened = await openSources(source, options);
  const backend = await openBackend(choice, { onNote, threads, fitPictures });
  const model = onBackend(opened, backend, options);
  if (choice !== "auto" || backend.name === "webgpu" || !hasHardwareWebGl2()) return model;
  const rival = async (): Promise<Model<PictureSource>> =>
    onBackend(opened, await openGpujsElseWasm({ onNote, threads }), { ...options, onNote: undefined });
  return fasterOf(model, rival, { signal, onNote });
}

/** `load` on WebGL2, as `auto` takes it: with WASM in reserve. */
export async function loadOnWebGl2(
  source: WeightSource | readonly WeightSource[],
  options: LoadOptions,
): Promise<Model<PictureSource>> {
  return onBackend(await openSources(source, options), await openGpujsElseWasm(options), options);
}
