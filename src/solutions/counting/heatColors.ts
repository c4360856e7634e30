/** The colours of heat: dark blue through green and yellow to red, all of them visible on a picture. */

type Rgb = readonly [red: number, green: number, blue: number];

const STOPS: readonly Rgb[] = [
  [36, 44, 152],
  [28, 122, 222],
  [30, 192, 178],
  [108, 216, 86],
  [240, 222, 60],
  [250, 142, 38],
  [214, 32, 32],
];

/**
 * Writes a colour into `out`, which is reused for every pixel of a frame.
 * @param level 0 to 1.
 */
export function heatColor(level: number, out: Float64Array): void {
  const at = Math.min(Math.max(level, 0), 1) * (STOPS.length - 1);
  const index = Math.min(Math.floor(at), STOPS.length - 2);
  const share = at - index;
  const from = STOPS[index];
  const to = STOPS[index + 1];
  for (let c = 0; c < 3; c++) out[c] = from[c] + (to[c] - from[c]) * share;
}
