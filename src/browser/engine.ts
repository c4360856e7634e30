/** What computes on a page's own thread. Entries import it with the first model: a page with a worker never does. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import { decodeImage } from "../image/decode.js";
import type { ReadOnnx } from "../yolov5/loadModel.js";
import type { Model } from "../yolov5/model.js";
import type * as reader from "../yolov5/onnx/index.js";
import { openBackend, openGpujsElseWasm, type WebGpu } from "./backends.js";
import { fasterOf } from "./contest.js";
import { onBackend, openSources } from "./loadModel.js";
import { hasHardwareWebGl2 } from "./webGl.js";
import { type Loader, serve } from "./worker/host.js";
import type { Port } from "./worker/protocol.js";

export { fasterOf } from "./contest.js";

/** Parts that come when a model needs them. */
interface Others {
  readonly webGpu: () => Promise<WebGpu>;
  readonly onnx: () => Promise<Pick<typeof reader, "openOnnx">>;
}

const onnxReader =
  ({ onnx }: Others): ReadOnnx =>
  async (bytes, path) =>
    (await onnx()).openOnnx(bytes, path);

/** `load`, with the checkpoints and the engine at hand. */
export async function loadHere(
  sources: readonly WeightSource[],
  options: LoadOptions,
  others: Others,
): Promise<Model<PictureSource>> {
  const { backend: choice = "auto", signal, onNote, threads, fitPictures } = options;
  const opened = await openSources(sources, options, onnxReader(others));
  const backend = await openBackend(choice, { onNote, threads, fitPictures, importWebGpu: others.webGpu });
  const model = onBackend(opened, backend, options, decodeImage);
  if (choice !== "auto" || backend.name === "webgpu" || !hasHardwareWebGl2()) return model;
  const rival = async (): Promise<Model<PictureSource>> =>
    onBackend(opened, await openGpujsElseWasm({ onNote, threads }), { ...options, onNote: undefined }, decodeImage);
  return fasterOf(model, rival, { signal, onNote });
}

/** `load` on WebGL2 for `auto`, with WASM as fallback. */
async function loadOnWebGl2(
  sources: readonly WeightSource[],
  options: LoadOptions,
  others: Others,
): Promise<Model<PictureSource>> {
  const opened = await openSources(sources, options, onnxReader(others));
  return onBackend(opened, await openGpujsElseWasm(options), options, decodeImage);
}

/**
 * Serves a model on this thread behind the protocol of workers, for WebGL2 and for pages that may not start workers.
 * @param onWebGl2 whether the model is to run on WebGL2, with WASM as fallback, whatever the request says.
 */
export function serveHere(port: Port, onWebGl2: boolean, others: Others): void {
  const load = onWebGl2 ? loadOnWebGl2 : loadHere;
  const loader: Loader = (sources, options) => load(sources, options, others);
  serve(port, loader);
}
