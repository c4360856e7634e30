/** Constants of integer convolutions: weights in panels, what sums start from, and what a sum is worth. */

import { type IntegerFormat, lanesOf, PANEL, packedFloats } from "../../../../kernels/wasm/index.js";
import type { ConvQuantization } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import type { Lowering } from "../lowering.js";
import type { Address } from "../storages.js";
import { type IntegerView, zeroPointOf } from "./view.js";

type Weight = HostTensor<"float32">;

/** The graph's weights are whole numbers × scale. */
const wholeOf = (weight: Weight, scales: Float32Array, index: number, output: number): number =>
  Math.round(weight.data[index] / scales[output]);

/** Panels [32 bits of k][8][lanes]; k runs over taps, then over the pixel's channels. */
export function packedIntegers(
  lowering: Lowering,
  format: IntegerFormat,
  weight: Weight,
  { weightScales }: ConvQuantization,
  { channels, map, mapKey }: IntegerView,
): Address {
  const [outputs, inputs, kh, kw] = weight.shape;
  const area = kh * kw;
  const lanes = lanesOf(format);
  const words = (area * channels) / lanes;
  const kind = lanes === 2 ? "int16" : "int8";
  return lowering.constant(
    `${kind} ${channels} ${mapKey}`,
    [weight, weightScales],
    packedFloats(outputs, words),
    ({ buffer, byteOffset, length }) => {
      const target =
        lanes === 2 ? new Int16Array(buffer, byteOffset, length * 2) : new Int8Array(buffer, byteOffset, length * 4);
      const padded = Math.ceil(outputs / 4) * 4;
      target.fill(0);
      for (let o = 0; o < outputs; o++) {
        const panel = Math.floor(o / PANEL) * PANEL;
        const columns = Math.min(PANEL, padded - panel);
        const first = panel * area * channels + (o - panel) * lanes;
        for (let tap = 0; tap < area; tap++) {
          for (let c = 0; c < map.length; c++) {
            if (map[c] < 0) continue;
            const k = tap * channels + c;
            const place = first + Math.floor(k / lanes) * columns * lanes + (k % lanes);
            target[place] = wholeOf(weight, weightScales, (o * inputs + map[c]) * area + tap, o);
          }
        }
      }
    },
  );
}

/** −zero point × Σ weights for each output: what bytes that contain the zero point add to a sum. 0 for int16. */
export function packedStarts(
  lowering: Lowering,
  format: IntegerFormat,
  weight: Weight,
  quantization: ConvQuantization,
): Address | 0 {
  if (format === "int16") return 0;
  const { weightScales } = quantization;
  const zeroPoint = zeroPointOf(format, quantization);
  const [outputs] = weight.shape;
  const perOutput = weight.data.length / outputs;
  return lowering.constant(
    `starts ${zeroPoint}`,
    [weight, weightScales],
    Math.ceil(outputs / PANEL) * PANEL,
    ({ buffer, byteOffset, length }) => {
      const target = new Int32Array(buffer, byteOffset, length).fill(0);
      for (let o = 0; o < outputs; o++) {
        let sum = 0;
        for (let i = o * perOutput; i < (o + 1) * perOutput; i++) sum += wholeOf(weight, weightScales, i, o);
        target[o] = -zeroPoint * sum;
      }
    },
  );
}

/** What a sum of whole numbers is worth, output by output. */
export function packedScales(
  lowering: Lowering,
  { weightScales, inputScale }: ConvQuantization,
  outputs: number,
): Address {
  const floats = Math.ceil(outputs / PANEL) * PANEL;
  return lowering.constant(`scales ${inputScale}`, [weightScales], floats, (target) => {
    target.fill(0);
    target.set(weightScales.map((scale) => scale * inputScale));
  });
}
