/**
 * How values lie in memory.
 *
 * Rank 4: NHWC. A pixel holds its channels in segments, each starting at a multiple of four floats, so that every kernel
 * works on whole vectors and a concatenation along channels is only a joint pixel: [23 of a, gap of 1, 32 of b]. What
 * stands in gaps is finite and meets zero weights.
 * Any rank: dense, row-major in the order of the shape (NCHW).
 */

import type { ConvQuantization, Pair } from "../../../ops/index.js";
import { elementCount } from "../../../tensor/index.js";
import { channelCount, channelsOfStored, type Segments } from "../../channels.js";
import type { Storage } from "./storages.js";

export interface Nhwc {
  readonly storage: Storage;
  /** Bytes from the storage's start to the first channel of the first pixel. */
  readonly offset: number;
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly pixelBytes: number;
  readonly segments: Segments;
}

/** How a value is stored in integers. */
export interface StoredIntegers {
  readonly quantization: Pick<ConvQuantization, "inputScale" | "inputZeroPoint">;
  /** Of zero points, rows and columns on each side: what convolutions that read it need. All values of a concat have the same. */
  readonly border: Pair;
}

export interface Dense {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
}

/** Where the pixels of a value lie, whatever their numbers are. */
export interface PixelRows {
  readonly storage: Storage;
  /** Bytes from the storage's start to the first pixel. */
  readonly offset: number;
  readonly h: number;
  readonly w: number;
  readonly pixelBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

/** An NHWC value has no gaps between its rows. */
export function pixelRows({ storage, offset, h, w, pixelBytes }: Nhwc): PixelRows {
  return { storage, offset, h, w, pixelBytes, rowBytes: w * pixelBytes, imageBytes: h * w * pixelBytes };
}

/** Reads an NHWC value out of memory as NCHW. `address` is that of its storage. */
export function readNhwc(memory: Float32Array, address: number, view: Nhwc): Float32Array<ArrayBuffer> {
  const { n, h, w, pixelBytes, segments } = view;
  const channels = channelCount(segments);
  const plane = h * w;
  const out = new Float32Array(n * channels * plane);
  const base = (address + view.offset) / 4;
  const step = pixelBytes / 4;
  const map = channelsOfStored(segments);
  for (let image = 0; image < n; image++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const from = base + (image * plane + pixel) * step;
      const to = image * channels * plane + pixel;
      for (let c = 0; c < map.length; c++) if (map[c] >= 0) out[to + map[c] * plane] = memory[from + c];
    }
  }
  return out;
}

/** Reads a dense value out of memory. `address` is that of its storage. */
export function readDense(memory: Float32Array, address: number, view: Dense): Float32Array<ArrayBuffer> {
  const base = (address + view.offset) / 4;
  return memory.slice(base, base + elementCount(view.shape)) as Float32Array<ArrayBuffer>;
}
