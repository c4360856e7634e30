/** What integer convolutions read: a value quantized once for all that read it with the same scale and border. */

import {
  type IntegerFormat,
  lanesOf,
  PLANES_PIXEL,
  quantize,
  quantizePlanes,
  roundingOffset,
} from "../../../../kernels/wasm/index.js";
import type { ConvQuantization, Pair, ValueId } from "../../../../ops/index.js";
import { channelsOfStored, segmentsKey, storedChannels } from "../../../channels.js";
import type { Lowering } from "../lowering.js";
import { roundUp, type Storage } from "../storages.js";

/** Bytes that the micro-kernel reads of a pixel in a turn of its loop. */
const TURN_BYTES = 16;

/** A value as pixels of integers within a border of the zero point. */
export interface IntegerView {
  readonly storage: Storage;
  readonly n: number;
  /** Without the border. */
  readonly h: number;
  readonly w: number;
  /** Numbers of a pixel. */
  readonly channels: number;
  /** Channel of each of them, −1 for none. */
  readonly map: readonly number[];
  /** Equal for equal maps. */
  readonly mapKey: string;
  readonly pixelBytes: number;
  readonly rowBytes: number;
  readonly imageBytes: number;
}

/** What a format adds to a number without its zero point: nothing to int16, the zero point to bytes. */
export function zeroPointOf(format: IntegerFormat, { inputZeroPoint }: ConvQuantization): number {
  if (format === "int16") return 0;
  return format === "unsigned" ? inputZeroPoint : inputZeroPoint - 128;
}

/** What both quantizing kernels are told of the numbers. */
function numbersOf(format: IntegerFormat, quantization: ConvQuantization) {
  const { inputScale, inputZeroPoint } = quantization;
  const zeroPoint = zeroPointOf(format, quantization);
  return {
    inverse: { float: 1 / inputScale },
    low: { float: -inputZeroPoint },
    high: { float: 255 - inputZeroPoint },
    offset: roundingOffset(zeroPoint),
    edge: zeroPoint,
  };
}

/** A picture of any number of channels. */
export function integerInput(
  lowering: Lowering,
  id: ValueId,
  format: IntegerFormat,
  quantization: ConvQuantization,
  [padY, padX]: Pair,
): IntegerView {
  const { inputScale, inputZeroPoint } = quantization;
  return lowering.shared(`${format} ${id} ${inputScale} ${inputZeroPoint} ${padY} ${padX}`, () => {
    const view = lowering.nhwc(id);
    const { n, h, w, segments } = view;
    const bytes = 4 / lanesOf(format);
    const channels = roundUp(storedChannels(segments), TURN_BYTES / bytes);
    const pixelBytes = channels * bytes;
    const rowBytes = (w + 2 * padX) * pixelBytes;
    const rows = h + 2 * padY;
    const storage = lowering.allocate(n * rows * rowBytes);
    lowering.step(
      quantize(format),
      {
        ...numbersOf(format, quantization),
        x: { storage: view.storage, offset: view.offset },
        xPixel: view.pixelBytes,
        xRow: w * view.pixelBytes,
        xImage: h * w * view.pixelBytes,
        height: h,
        width: w,
        padY,
        padX,
        out: { storage, offset: 0 },
        outRow: rowBytes,
        channels,
      },
      n * rows,
    );
    const map = channelsOfStored(segments);
    const mapKey = segmentsKey(segments);
    return { storage, n, h, w, channels, map, mapKey, pixelBytes, rowBytes, imageBytes: rows * rowBytes };
  });
}

/** An input of the graph with at most four channels, as pixels of four bytes. */
export function planesInput(
  lowering: Lowering,
  id: ValueId,
  format: Exclude<IntegerFormat, "int16">,
  quantization: ConvQuantization,
  [padY, padX]: Pair,
): IntegerView {
  const { inputScale, inputZeroPoint } = quantization;
  return lowering.shared(`${format} planes ${id} ${inputScale} ${inputZeroPoint} ${padY} ${padX}`, () => {
    const planes = lowering.dense(id);
    const [n, c, h, w] = planes.shape;
    const rowBytes = (roundUp(w, 4) + 2 * padX) * PLANES_PIXEL;
    const rows = h + 2 * padY;
    const storage = lowering.allocate(n * rows * rowBytes);
    lowering.step(
      quantizePlanes(c),
      {
        ...numbersOf(format, quantization),
        x: { storage: planes.storage, offset: planes.offset },
        xPlane: h * w * 4,
        xRow: w * 4,
        xImage: c * h * w * 4,
        height: h,
        width: w,
        padY,
        padX,
        out: { storage, offset: 0 },
        outRow: rowBytes,
      },
      n * rows,
    );
    const map = Array.from({ length: c }, (_, i) => i);
    return {
      storage,
      n,
      h,
      w,
      channels: PLANES_PIXEL,
      map,
      mapKey: `planes ${c}`,
      pixelBytes: PLANES_PIXEL,
      rowBytes,
      imageBytes: rows * rowBytes,
    };
  });
}
