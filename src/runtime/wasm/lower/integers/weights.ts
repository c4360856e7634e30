/** Constants of integer convolutions: weights in panels, what sums start from, and what a sum is worth. */

import { type IntegerFormat, lanesOf, PANEL, packedFloats, WINOGRAD_PLANES } from "../../../../kernels/wasm/index.js";
import { type ConvQuantization, wideBytes } from "../../../../ops/index.js";
import type { HostTensor } from "../../../../tensor/index.js";
import type { Lowering } from "../lowering.js";
import { type Address, roundUp } from "../storages.js";
import { type IntegerView, zeroPointOf } from "./view.js";

type Weight = HostTensor<"float32">;

/** Steps that the micro-kernel may unroll. */
const MOST_UNROLL = 9;
/** Steps that it unrolls where that divides their number. */
export const UNROLL = 4;

/** Steps for a loop over `words` of them: four where that divides it, else as many as may be. */
export function unrollOf(words: number): number {
  if (words % UNROLL === 0) return UNROLL;
  let most = Math.min(MOST_UNROLL, words);
  while (words % most !== 0) most--;
  return most;
}

/** Words of 32 bits that a run of numbers takes: so many that their loop can be unrolled; what is beyond meets zero weights. */
export function rowWords(numbers: number, lanes: 2 | 4): number {
  const words = Math.ceil(numbers / lanes);
  return words > MOST_UNROLL ? roundUp(words, UNROLL) : words;
}

/** The graph's weights are whole numbers × scale. */
const wholeOf = (weight: Weight, scales: Float32Array, index: number, output: number): number =>
  Math.round(weight.data[index] / scales[output]);

/**
 * Panels [32 bits of k][8][lanes]; k runs over taps, then over the pixel's channels. Of each run of so many taps, the last word is filled up
 * with zeros.
 * @param numberOf the whole number of an output for a channel and a tap
 */
function packPanels(
  lowering: Lowering,
  key: string,
  weight: Weight,
  { weightScales }: ConvQuantization,
  { channels, map, mapKey }: IntegerView,
  { lanes, taps, run = taps }: { readonly lanes: 2 | 4; readonly taps: number; readonly run?: number },
  numberOf: (output: number, channel: number, tap: number) => number,
): Address {
  const [outputs] = weight.shape;
  const runNumbers = rowWords(run * channels, lanes) * lanes;
  const numbers = (taps / run) * runNumbers;
  return lowering.constant(
    `${key} ${channels} ${mapKey}`,
    [weight, weightScales],
    packedFloats(outputs, numbers / lanes),
    ({ buffer, byteOffset, length }) => {
      const target =
        lanes === 2 ? new Int16Array(buffer, byteOffset, length * 2) : new Int8Array(buffer, byteOffset, length * 4);
      const padded = Math.ceil(outputs / 4) * 4;
      target.fill(0);
      for (let o = 0; o < outputs; o++) {
        const panel = Math.floor(o / PANEL) * PANEL;
        const columns = Math.min(PANEL, padded - panel);
        const first = panel * numbers + (o - panel) * lanes;
        for (let tap = 0; tap < taps; tap++) {
          for (let c = 0; c < map.length; c++) {
            if (map[c] < 0) continue;
            const k = Math.floor(tap / run) * runNumbers + (tap % run) * channels + c;
            target[first + Math.floor(k / lanes) * columns * lanes + (k % lanes)] = numberOf(o, map[c], tap);
          }
        }
      }
    },
  );
}

/** Whether weights are two bytes each, of which kernels take the high ones first. */
export const inTwoTurns = (format: IntegerFormat, { wide }: ConvQuantization): boolean =>
  format !== "int16" && wide === true;

/** The weights as they are, or for bytes, wide ones as high bytes and then low ones. */
export function packedIntegers(
  lowering: Lowering,
  format: IntegerFormat,
  weight: Weight,
  quantization: ConvQuantization,
  view: IntegerView,
): Address {
  const [, inputs, kh, kw] = weight.shape;
  const taps = kh * kw;
  const lanes = lanesOf(format);
  const whole = (o: number, c: number, tap: number): number =>
    wholeOf(weight, quantization.weightScales, (o * inputs + c) * taps + tap, o);
  if (inTwoTurns(format, quantization)) {
    const turns = { lanes, taps: 2 };
    return packPanels(lowering, "wide int8", weight, quantization, view, turns, (o, c, turn) => {
      const { high, low } = wideBytes(whole(o, c, 0));
      return turn === 0 ? high : low;
    });
  }
  return packPanels(
    lowering,
    lanes === 2 ? "int16" : "int8",
    weight,
    quantization,
    view,
    { lanes, taps, run: kw },
    whole,
  );
}

/** Twice G of F(2, 3), row by row: whole numbers. */
const TWICE_G = [
  [2, 0, 0],
  [1, 1, 1],
  [1, -1, 1],
  [0, 0, 2],
] as const;

/** Of 3×3 kernels, four times their sixteen points in Winograd's F(2×2, 3×3). */
export function packedPoints(
  lowering: Lowering,
  weight: Weight,
  quantization: ConvQuantization,
  view: IntegerView,
): Address {
  const [, inputs] = weight.shape;
  return packPanels(
    lowering,
    "winograd int16",
    weight,
    quantization,
    view,
    { lanes: 2, taps: WINOGRAD_PLANES },
    (o, c, point) => {
      const [down, across] = [TWICE_G[point >> 2], TWICE_G[point & 3]];
      let sum = 0;
      for (let tap = 0; tap < 9; tap++) {
        const factor = down[Math.floor(tap / 3)] * across[tap % 3];
        if (factor !== 0) sum += factor * wholeOf(weight, quantization.weightScales, (o * inputs + c) * 9 + tap, o);
      }
      return sum;
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

/** What a sum of whole numbers is worth, output by output. @param times how often a sum holds what it stands for: a power of two */
export function packedScales(
  lowering: Lowering,
  { weightScales, inputScale }: ConvQuantization,
  outputs: number,
  times = 1,
): Address {
  const floats = Math.ceil(outputs / PANEL) * PANEL;
  return lowering.constant(`scales ${inputScale} ${times}`, [weightScales], floats, (target) => {
    target.fill(0);
    // Rounded first: a power of two then changes no digit.
    target.set(weightScales.map((scale) => scale * inputScale));
    for (let o = 0; o < outputs; o++) target[o] /= times;
  });
}
