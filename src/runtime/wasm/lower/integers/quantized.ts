/** float32 values as integer convolutions read them: quantized once for all that read one with the same scale and border. */

import { type IntegerFormat, quantize, quantizePlanes } from "../../../../kernels/wasm/index.js";
import type { Pair, ValueId } from "../../../../ops/index.js";
import type { Lowering } from "../lowering.js";
import { roundUp } from "../storages.js";
import { bytesOf, framedView, type IntegerView, type Quantization, roundingArguments, zeroPointOf } from "./view.js";

/** A row of a kernel over planes is read in whole words, the last of which may begin at the last number of a picture. */
const ROW_SLACK = 16;

/** A picture of any number of channels. */
export function quantizedInput(
  lowering: Lowering,
  id: ValueId,
  format: IntegerFormat,
  quantization: Quantization,
  border: Pair,
): IntegerView {
  const { inputScale, inputZeroPoint } = quantization;
  return lowering.shared(`${format} ${id} ${inputScale} ${inputZeroPoint} ${border}`, () => {
    const x = lowering.nhwc(id);
    const { n, h, w } = x;
    const view = framedView((bytes) => lowering.allocate(bytes), format, [n, h, w], x.segments, border);
    const rows = h + 2 * border[0];
    lowering.step(
      quantize(format),
      {
        ...roundingArguments(format, quantization),
        edge: zeroPointOf(format, quantization),
        x: { storage: x.storage, offset: x.offset },
        xPixel: x.pixelBytes,
        xRow: w * x.pixelBytes,
        xImage: h * w * x.pixelBytes,
        height: h,
        width: w,
        padY: border[0],
        padX: border[1],
        out: { storage: view.storage, offset: 0 },
        outRow: view.rowBytes,
        channels: view.channels,
      },
      n * rows,
    );
    return view;
  });
}

/** An input of the graph with at most four channels, as pixels of so many numbers. */
export function quantizedPlanes(
  lowering: Lowering,
  id: ValueId,
  format: IntegerFormat,
  quantization: Quantization,
  border: Pair,
): IntegerView {
  const { inputScale, inputZeroPoint } = quantization;
  return lowering.shared(`${format} planes ${id} ${inputScale} ${inputZeroPoint} ${border}`, () => {
    const planes = lowering.dense(id);
    const [n, c, h, w] = planes.shape;
    const pixelBytes = c * bytesOf(format);
    const rowBytes = (roundUp(w, 4) + 2 * border[1]) * pixelBytes;
    const rows = h + 2 * border[0];
    const storage = lowering.allocate(n * rows * rowBytes + ROW_SLACK);
    lowering.step(
      quantizePlanes(format, c),
      {
        ...roundingArguments(format, quantization),
        edge: zeroPointOf(format, quantization),
        x: { storage: planes.storage, offset: planes.offset },
        xPlane: h * w * 4,
        xRow: w * 4,
        xImage: c * h * w * 4,
        height: h,
        width: w,
        padY: border[0],
        padX: border[1],
        out: { storage, offset: 0 },
        outRow: rowBytes,
      },
      n * rows,
    );
    return {
      storage,
      offset: border[0] * rowBytes + border[1] * pixelBytes,
      border,
      n,
      h,
      w,
      channels: c,
      map: Array.from({ length: c }, (_, i) => i),
      mapKey: `planes ${c}`,
      pixelBytes,
      rowBytes,
      imageBytes: rows * rowBytes,
    };
  });
}
