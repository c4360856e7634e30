/** Masks of which float32 rounding decides some pixels: which sizes they may have. */

import type { Size } from "../../../src/yolov5/output/boxes.js";
import { type Box, type MaskStyle, type Prototypes, processMask } from "../../../src/yolov5/output/masks/masks.js";

/** What rounding may move an edge of a box by, in pixels of the input: two steps of float32 at 640. */
const EDGE = 1.2e-4;
/** What rounding may change a product of coefficients and prototypes by, as a share of the absolute values that it sums. */
const PRODUCT = 1e-5;

/** What a mask at the size of the network's input is made of. */
export interface MaskSource {
  readonly protos: Prototypes;
  readonly coefficients: Float32Array;
  readonly box: Box;
  readonly input: Size;
  readonly style: MaskStyle;
}

/**
 * The fewest and the most pixels that a mask has whichever way rounding moves its box's edges and its products: pixels that are
 * set in every such mask, and in any.
 */
export function possibleAreas({ protos, coefficients, box, input, style }: MaskSource): readonly [number, number] {
  const plane = protos.width * protos.height;
  // A further prototype of ones shifts all products.
  const data = new Float32Array((protos.channels + 1) * plane).fill(1);
  data.set(protos.data.subarray(0, protos.channels * plane));
  const shifted: Prototypes = { ...protos, channels: protos.channels + 1, data };
  const squares = protos.data.reduce((sum, value) => sum + value * value, 0);
  const product = PRODUCT * Math.sqrt(squares / protos.data.length) * coefficients.reduce((a, c) => a + Math.abs(c), 0);
  const always = new Uint8Array(input[0] * input[1]).fill(1);
  const ever = new Uint8Array(always.length);
  for (const shift of [-product, 0, product]) {
    for (const edges of EDGES) {
      const moved = box.map((value, side) => value + EDGE * edges[side]);
      const mask = processMask(shifted, Float32Array.of(...coefficients, shift), moved as unknown as Box, input, style);
      const whole = new Uint8Array(always.length);
      const width = mask.x1 - mask.x0;
      mask.data.forEach((set, i) => {
        whole[(mask.y0 + Math.floor(i / width)) * input[1] + mask.x0 + (i % width)] = set;
      });
      whole.forEach((set, i) => {
        always[i] &= set;
        ever[i] |= set;
      });
    }
  }
  const count = (pixels: Uint8Array): number => pixels.reduce((sum, set) => sum + set, 0);
  return [count(always), count(ever)];
}

/** No edge moved, and each to either side. */
const EDGES = [
  [0, 0, 0, 0],
  ...[0, 1, 2, 3].flatMap((side) => [-1, 1].map((step) => [0, 1, 2, 3].map((other) => (other === side ? step : 0)))),
];
