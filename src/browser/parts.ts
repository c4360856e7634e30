/** The parts of the engine that a page fetches when they are needed. */

import type { DecodeOptions, RgbImage } from "../image/index.js";
import { imported } from "../imported.js";
import type * as reader from "../yolov5/onnx/index.js";
import type { WebGpu } from "./backends.js";
import type * as engine from "./engine.js";

/** Every method rejects with an UnsupportedError or a DownloadError if the part cannot be imported. */
export interface Parts {
  /** What computes: checkpoints, graphs, WASM, the reference. */
  engine(): Promise<typeof engine>;
  webGpu(): Promise<WebGpu>;
  /** What reads ONNX exports. */
  onnx(): Promise<Pick<typeof reader, "openOnnx">>;
  decoders(): Promise<{ decodeImage(bytes: Uint8Array, options?: DecodeOptions): Promise<RgbImage> }>;
}

/** Parts in chunks of their own. A bundle of one file has them inside. */
export const IMPORTED_PARTS: Parts = {
  engine: () => imported(import("./engine.js")),
  webGpu: () => imported(import("../runtime/webgpu/index.js")),
  onnx: () => imported(import("../yolov5/onnx/index.js")),
  decoders: () => imported(import("../image/decode.js")),
};
