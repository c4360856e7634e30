/** Means and variances of channels over pictures and pixels. */

import { Breather } from "../../breathe.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";

export interface Moments {
  readonly mean: Float64Array;
  /** Population variance (divided by the count), as BatchNorm normalises with. */
  readonly variance: Float64Array;
}

/** Over N, H and W of one or several NCHW tensors, in float64. */
export async function channelMoments(maps: readonly HostTensor[], breather = new Breather()): Promise<Moments> {
  const channels = maps[0].shape[1];
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  // Relative to the first value of each channel, so that large means do not cancel out small variances.
  const origin = Float64Array.from({ length: channels });
  let count = 0;
  for (const [index, map] of maps.entries()) {
    const { data, shape } = toFloat32(map);
    const [n, , h, w] = shape;
    const plane = h * w;
    for (let p = 0; p < n * channels; p++) {
      const c = p % channels;
      if (index === 0 && p < channels) origin[c] = data[p * plane];
      const shift = origin[c];
      let sum = 0;
      let square = 0;
      for (let i = p * plane; i < (p + 1) * plane; i++) {
        const v = data[i] - shift;
        sum += v;
        square += v * v;
      }
      sums[c] += sum;
      squares[c] += square;
    }
    count += n * plane;
    await breather.rest();
  }
  const mean = sums.map((sum, c) => origin[c] + sum / count);
  const variance = squares.map((square, c) => Math.max(0, square / count - (sums[c] / count) ** 2));
  return { mean, variance };
}
