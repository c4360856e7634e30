/** `load` in a page or worker. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import { OptionError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import type { Model } from "../yolov5/model.js";
import { openBackend, openGpujsElseWasm } from "./backends.js";
import { onBackend, openSources } from "./loadModel.js";
import { fasterOf, hasHardwareWebGl2 } from "./webGl.js";

/**
 * The checkpoints named in a call.
 * @throws OptionError if there are none.
 */
export function checkpointsOf(source: WeightSource | readonly WeightSource[] | undefined): readonly WeightSource[] {
  if (source === undefined) {
    throw new OptionError(
      "in a page load() needs a checkpoint: a URL, a file or its bytes; only Node can load the embedded model by default",
    );
  }
  return Array.isArray(source) ? source : [source as WeightSource];
}

/**
 * Loads a model, or several as an ensemble.
 * @throws CheckpointError, DownloadError with what the file is and how to fix it; DeviceError if the backend is not
 * available; the reason of `signal`.
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
  const model = onBackend(opened, backend, options, decodeImage);
  if (choice !== "auto" || backend.name === "webgpu" || !hasHardwareWebGl2()) return model;
  const rival = async (): Promise<Model<PictureSource>> =>
    onBackend(opened, await openGpujsElseWasm({ onNote, threads }), { ...options, onNote: undefined }, decodeImage);
  return fasterOf(model, rival, { signal, onNote });
}

/** `load` on WebGL2 for `auto`, with WASM as fallback. */
export async function loadOnWebGl2(
  sources: readonly WeightSource[],
  options: LoadOptions,
): Promise<Model<PictureSource>> {
  return onBackend(await openSources(sources, options), await openGpujsElseWasm(options), options, decodeImage);
}
