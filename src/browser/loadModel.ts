/** A checkpoint, or several, on a backend of this page or worker. */

import { nameOfAddress } from "../api/address.js";
import { givenBytes } from "../api/givenBytes.js";
import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import type { Backend } from "../runtime/backend.js";
import { signalOf, throwIfAborted } from "../yolov5/calls/abort.js";
import { addressIn } from "../yolov5/input/given.js";
import type { Decode, ReadPictureOptions } from "../yolov5/input/pictures.js";
import { computeDTypeFor, createMember, type OpenedModel, openModelFile, type ReadOnnx } from "../yolov5/loadModel.js";
import { LocalRunner } from "../yolov5/localRunner.js";
import { Model } from "../yolov5/model.js";
import { openBackend, type WebGpu } from "./backends.js";
import { fetchBytes } from "./download.js";
import { readPictureSource } from "./pictureSource.js";

async function bytesOf(source: WeightSource, options: LoadOptions): Promise<{ bytes: Uint8Array; path: string }> {
  const address = addressIn(source);
  if (address === undefined) return givenBytes(source);
  const { onProgress, signal, cache, onNote } = options;
  return { bytes: await fetchBytes(address, { onProgress, signal, cache, onNote }), path: nameOfAddress(address) };
}

/** Reads and opens checkpoints, one at a time. @throws CheckpointError, DownloadError; the reason of `signal`. */
export async function openSources(
  sources: readonly WeightSource[],
  options: LoadOptions,
  readOnnx: ReadOnnx,
): Promise<Opened[]> {
  const opened: Opened[] = [];
  const signal = signalOf(options.signal);
  for (const item of sources) {
    throwIfAborted(signal);
    const { bytes, path } = await bytesOf(item, options);
    throwIfAborted(signal);
    opened.push({ path, model: await openModelFile(bytes, { path, config: options.config, readOnnx }) });
  }
  return opened;
}

export interface Opened {
  readonly path: string;
  readonly model: OpenedModel;
}

/** Puts the members on the backend; disposes of the backend on failure. */
export function onBackend(
  opened: readonly Opened[],
  backend: Backend,
  options: LoadOptions,
  decode: Decode,
): Model<PictureSource> {
  try {
    throwIfAborted(options.signal);
    const members = opened.map(({ model, path }) =>
      createMember(model, backend, {
        path,
        names: options.names,
        dtype: computeDTypeFor(model, backend, options),
        tune: options.tune === true ? {} : options.tune || undefined,
        onNote: options.onNote,
      }),
    );
    const read = (source: PictureSource, { maxPixels = options.maxPixels, ...reading }: ReadPictureOptions = {}) =>
      readPictureSource(source, backend.capabilities.fitsDrawables, { ...reading, maxPixels, decode });
    return new Model(new LocalRunner(members, backend, read));
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

/**
 * Loads checkpoints onto the backend given in the options.
 * @param tools what decodes picture files, and reads ONNX exports.
 * @throws like `load`.
 */
export async function loadModel(
  sources: readonly WeightSource[],
  options: LoadOptions,
  { decode, readOnnx }: { readonly decode: Decode; readonly readOnnx: ReadOnnx },
  importWebGpu: () => Promise<WebGpu>,
): Promise<Model<PictureSource>> {
  const { backend = "auto", onNote, threads, fitPictures } = options;
  const opened = await openSources(sources, options, readOnnx);
  const opening = openBackend(backend, { onNote, threads, fitPictures, importWebGpu });
  return onBackend(opened, await opening, options, decode);
}
