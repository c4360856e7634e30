/** `load` in a page or worker. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import { OptionError } from "../errors.js";
import type { Backend } from "../runtime/backend.js";
import { computeDTypeFor, createMember, type OpenedModel, openModel } from "../yolov5/loadModel.js";
import { Model } from "../yolov5/model.js";
import type { ReadPictureOptions } from "../yolov5/pictures.js";
import { openBackend, openGpujsElseWasm } from "./backends.js";
import { fetchBytes } from "./download.js";
import { readPictureSource } from "./pictureSource.js";
import { fasterOf, hasHardwareWebGl2 } from "./webGl.js";

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
        tune: options.tune === true ? {} : options.tune || undefined,
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
 * const { detections } = await model.detect(image);
 */
export async function load(
  source?: WeightSource | readonly WeightSource[],
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  if (source === undefined) {
    throw new OptionError(
      "load() needs a checkpoint in a page: a URL, a file or its bytes; only Node has the embedded model beside it",
    );
  }
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
