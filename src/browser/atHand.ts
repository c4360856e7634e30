/** What entries export, with the engine at hand: for service workers, which can import nothing once they run. */

import type { quantize as quantizeLater } from "../api/quantize.js";
import { quantizeToFile } from "../compress/quantize/quantize.js";
import * as decoders from "../image/decode.js";
import type { annotate as annotateLater } from "./annotate.js";
import { annotateInPage } from "./annotateInPage.js";
import * as engine from "./engine.js";
import type { load as loadLater } from "./load.js";
import { loadWith } from "./loadWith.js";
import type { Parts } from "./parts.js";
import type { loadInWorker as loadInWorkerLater } from "./worker/loadInWorker.js";
import { loadInWorkerWith } from "./worker/loadInWorkerWith.js";

interface AtHand {
  readonly load: typeof loadLater;
  readonly loadInWorker: typeof loadInWorkerLater;
  readonly annotate: typeof annotateLater;
  readonly quantize: typeof quantizeLater;
}

/** @param others where WebGPU and the reader of ONNX exports come from. */
export function atHand(others: Pick<Parts, "webGpu" | "onnx">): AtHand {
  const parts: Parts = { ...others, engine: async () => engine, decoders: async () => decoders };
  return {
    load: (source, options = {}) => loadWith(parts, source, options),
    loadInWorker: (source, options = {}) => loadInWorkerWith(parts, source, options),
    annotate: ((target, result, style) => annotateInPage(parts, target, result, style)) as typeof annotateLater,
    quantize: ({ members }, images, options) => quantizeToFile(members, images, options),
  };
}
