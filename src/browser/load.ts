/** `load` in a page or worker. */

import { nameOfAddress } from "../api/address.js";
import { givenBytes } from "../api/givenBytes.js";
import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import { OptionError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import type { Backend } from "../runtime/backend.js";
import { signalOf, throwIfAborted } from "../yolov5/abort.js";
import { addressIn } from "../yolov5/given.js";
import { computeDTypeFor, createMember, type OpenedModel, openModel } from "../yolov5/loadModel.js";
import { Model } from "../yolov5/model.js";
import type { ReadPictureOptions } from "../yolov5/pictures.js";
import { openBackend, openGpujsElseWasm } from "./backends.js";
import { fetchBytes } from "./download.js";
import { readPictureSource } from "./pictureSource.js";
import { fasterOf, hasHardwareWebGl2 } from "./webGl.js";

async function bytesOf(source: WeightSource, options: LoadOptions): Promise<{ bytes: Uint8Array; path: string }> {
  const address = addressIn(source);
  if (address === undefined) return givenBytes(source);
  const { onProgress, signal, cache, onNote } = options;
  return { bytes: await fetchBytes(address, { onProgress, signal, cache, onNote }), path: nameOfAddress(address) };
}

/**
 * The checkpoints that a call names.
 * @throws OptionError where it names none.
 */
export function checkpointsOf(source: WeightSource | readonly WeightSource[] | undefined): readonly WeightSource[] {
  if (source === undefined) {
    throw new OptionError(
      "load() needs a checkpoint in a page: a URL, a file or its bytes; only Node has the embedded model beside it",
    );
  }
  return Array.isArray(source) ? source : [source as WeightSource];
}

async function openSources(sources: readonly WeightSource[], options: LoadOptions): Promise<Opened[]> {
  const opened: Opened[] = [];
  const signal = signalOf(options.signal);
  for (const item of sources) {
    throwIfAborted(signal);
    const { bytes, path } = await bytesOf(item, options);
    throwIfAborted(signal);
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
    throwIfAborted(options.signal);
    const members = opened.map(({ model, path }) =>
      createMember(model, backend, {
        path,
        dtype: computeDTypeFor(model, backend, options),
        tune: options.tune === true ? {} : options.tune || undefined,
        onNote: options.onNote,
      }),
    );
    const read = (source: PictureSource, { maxPixels = options.maxPixels, ...reading }: ReadPictureOptions = {}) =>
      readPictureSource(source, backend.fitsPictures === true, { ...reading, maxPixels, decode: decodeImage });
    return new Model(members, backend, read);
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

/**
 * Loads a model, or several as an ensemble.
 * @throws CheckpointError, DownloadError: what the file is and what to do; DeviceError: no such backend here; the reason of
 *   `signal`.
 * @example
 * const model = await load("best.pt", { onProgress: ({ loaded, total }) => bar(loaded, total) });
 * const { detections } = await model.detect(image);
 */
export async function load(
  source?: WeightSource | readonly WeightSource[],
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  const { backend: choice = "auto", signal, onNote, threads, fitPictures } = options;
  const opened = await openSources(checkpointsOf(source), options);
  const backend = await openBackend(choice, { onNote, threads, fitPictures });
  const model = onBackend(opened, backend, options);
  if (choice !== "auto" || backend.name === "webgpu" || !hasHardwareWebGl2()) return model;
  const rival = async (): Promise<Model<PictureSource>> =>
    onBackend(opened, await openGpujsElseWasm({ onNote, threads }), { ...options, onNote: undefined });
  return fasterOf(model, rival, { signal, onNote });
}

/** `load` on WebGL2, as `auto` takes it: with WASM in reserve. */
export async function loadOnWebGl2(
  sources: readonly WeightSource[],
  options: LoadOptions,
): Promise<Model<PictureSource>> {
  return onBackend(await openSources(sources, options), await openGpujsElseWasm(options), options);
}
