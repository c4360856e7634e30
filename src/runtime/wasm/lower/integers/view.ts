/** How integers lie in memory: pixels within a border of the zero point. */

import { type IntegerFormat, lanesOf, roundingOffset } from "../../../../kernels/wasm/index.js";
import type { ConvQuantization, Pair } from "../../../../ops/index.js";
import { channelsOfStored, type Segments, segmentsKey, storedChannels } from "../../../channels.js";
import type { Argument } from "../steps.js";
import { roundUp, type Storage } from "../storages.js";

/** Bytes that kernels read of a pixel at a time. */
export const TURN_BYTES = 16;

/** Scale and zero point of a value that is stored in integers. */
export type Quantization = Pick<ConvQuantization, "inputScale" | "inputZeroPoint">;

export interface IntegerView {
  readonly storage: Storage;
  /** Bytes from the storage's start to the first channel of the first pixel within the border. */
  readonly offset: number;
  readonly border: Pair;
  readonly n: number;
  /** Without the border. */
  readonly h: number;
  readonly w: number;
  /**
   * Numbers that a convolution reads of a pixel: whole turns, the last of which may belong to a neighbour, and meet zero weights; of an
   * input of few planes, one for each.
   */
  readonly channels: number;
  /** Channel of each stored number, −1 for none. */
  readonly map: readonly number[];
  /** Equal for equal maps. */
  readonly mapKey: string;
  readonly pixelBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

export const bytesOf = (format: IntegerFormat): number => 4 / lanesOf(format);

/** What a format adds to a number without its zero point: nothing to int16, the zero point to bytes. */
export function zeroPointOf(format: IntegerFormat, { inputZeroPoint }: Quantization): number {
  if (format === "int16") return 0;
  return format === "unsigned" ? inputZeroPoint : inputZeroPoint - 128;
}

export interface RoundingArguments {
  readonly inverse: Argument;
  readonly low: Argument;
  readonly high: Argument;
  readonly offset: Argument;
}

/** The arguments of kernels that turn float32 into integers. */
export function roundingArguments(format: IntegerFormat, quantization: Quantization): RoundingArguments {
  const { inputScale, inputZeroPoint } = quantization;
  return {
    inverse: { float: 1 / inputScale },
    low: { float: -inputZeroPoint },
    high: { float: 255 - inputZeroPoint },
    offset: roundingOffset(zeroPointOf(format, quantization)),
  };
}

/** For kernels that could, but do not. */
export const NO_ROUNDING: RoundingArguments = { inverse: 0, low: 0, high: 0, offset: 0 };

/** Numbers of a picture's channels, and which they are. */
export function channelsIn(
  format: IntegerFormat,
  segments: Segments,
): Pick<IntegerView, "channels" | "map" | "mapKey"> {
  return {
    channels: roundUp(storedChannels(segments), TURN_BYTES / bytesOf(format)),
    map: channelsOfStored(segments),
    mapKey: segmentsKey(segments),
  };
}

/** Memory of a picture with whole turns in each pixel. */
export function framedView(
  allocate: (bytes: number) => Storage,
  format: IntegerFormat,
  [n, h, w]: readonly [n: number, h: number, w: number],
  segments: Segments,
  border: Pair,
): IntegerView {
  const own = channelsIn(format, segments);
  const pixelBytes = own.channels * bytesOf(format);
  const rowBytes = (w + 2 * border[1]) * pixelBytes;
  const imageBytes = (h + 2 * border[0]) * rowBytes;
  const offset = border[0] * rowBytes + border[1] * pixelBytes;
  return { storage: allocate(n * imageBytes), offset, border, n, h, w, ...own, pixelBytes, rowBytes, imageBytes };
}
